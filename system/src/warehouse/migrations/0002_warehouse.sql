-- What lies where, and for whom. Constraints are named for the rule that they keep.
-- One text for SQLite and PostgreSQL: TEXT and BIGINT only; times are microseconds since the epoch.

CREATE TABLE stock (
    sku       TEXT   NOT NULL,
    warehouse TEXT   NOT NULL,
    -- Ever arrived; what left for good is committed.
    received  BIGINT NOT NULL,
    on_hand   BIGINT NOT NULL,
    -- Of what is on hand, promised to orders.
    reserved  BIGINT NOT NULL,
    committed BIGINT NOT NULL,
    PRIMARY KEY (sku, warehouse),
    CONSTRAINT stock_conserved CHECK (received = on_hand + committed),
    CONSTRAINT stock_not_oversold CHECK (reserved >= 0 AND reserved <= on_hand AND committed >= 0)
);

CREATE TABLE reservations (
    order_id   TEXT   NOT NULL PRIMARY KEY,
    -- ABSENT is never stored; a RELEASED one without lines is a tombstone.
    state      TEXT   NOT NULL CONSTRAINT reservations_state
               CHECK (
        state = 'HELD' OR state = 'COMMITTED' OR state = 'RELEASED' OR state = 'RETURNED'),
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Written once: every move of the reservation takes its quantities from here.
CREATE TABLE reservation_lines (
    order_id  TEXT   NOT NULL,
    sku       TEXT   NOT NULL,
    warehouse TEXT   NOT NULL,
    quantity  BIGINT NOT NULL CONSTRAINT reservation_lines_positive CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku, warehouse)
);

CREATE TABLE restocks (
    key       TEXT   NOT NULL PRIMARY KEY,
    sku       TEXT   NOT NULL,
    warehouse TEXT   NOT NULL,
    quantity  BIGINT NOT NULL CONSTRAINT restocks_positive CHECK (quantity > 0),
    at        BIGINT NOT NULL
);
