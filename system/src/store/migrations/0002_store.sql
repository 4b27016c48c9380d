-- The Store: who buys, what is sold, every order with its payment and its saga.
--
-- Lists of states are spelled with OR: for IN, SQLite builds a temporary table at every write.

CREATE TABLE users (
    id            TEXT   NOT NULL PRIMARY KEY,
    username      TEXT   NOT NULL CONSTRAINT users_username_taken UNIQUE,
    email         TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    role          TEXT   NOT NULL CONSTRAINT users_role CHECK (role IN ('customer', 'support')),
    created_at    BIGINT NOT NULL
);

CREATE TABLE products (
    sku      TEXT   NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL,
    price    BIGINT NOT NULL CONSTRAINT products_price CHECK (price > 0),
    currency TEXT   NOT NULL
);

-- One row for each order; each status keeps the time of its first arrival.
CREATE TABLE orders (
    id                 TEXT   NOT NULL PRIMARY KEY,
    user_id            TEXT   NOT NULL,
    email              TEXT   NOT NULL,
    status             TEXT   NOT NULL CONSTRAINT orders_status CHECK (
        status = 'PENDING_PAYMENT' OR status = 'PAID' OR status = 'RECEIVED' OR
        status = 'PICKED_UP' OR status = 'IN_TRANSIT' OR status = 'DELIVERED' OR
        status = 'LOST' OR status = 'FAILED' OR status = 'CANCEL_PENDING' OR
        status = 'CANCELLED'),
    total              BIGINT NOT NULL,
    currency           TEXT   NOT NULL,
    reason             TEXT   NOT NULL,
    carrier_sequence   BIGINT NOT NULL,
    version            BIGINT NOT NULL,
    pending_payment_at BIGINT,
    paid_at            BIGINT,
    received_at        BIGINT,
    picked_up_at       BIGINT,
    in_transit_at      BIGINT,
    delivered_at       BIGINT,
    lost_at            BIGINT,
    failed_at          BIGINT,
    cancel_pending_at  BIGINT,
    cancelled_at       BIGINT
);
CREATE INDEX orders_of_user ON orders (user_id);

CREATE TABLE order_lines (
    order_id TEXT   NOT NULL,
    sku      TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    quantity BIGINT NOT NULL,
    price    BIGINT NOT NULL,
    PRIMARY KEY (order_id, sku)
);

-- Which warehouse gives how much: the plan, then what the Warehouse says is held.
CREATE TABLE allocations (
    order_id  TEXT   NOT NULL,
    sku       TEXT   NOT NULL,
    warehouse TEXT   NOT NULL,
    quantity  BIGINT NOT NULL,
    PRIMARY KEY (order_id, sku, warehouse)
);

-- The Store's view of the Bank, one payment for each order.
CREATE TABLE payments (
    order_id       TEXT   NOT NULL PRIMARY KEY,
    status         TEXT   NOT NULL CONSTRAINT payments_status CHECK (
        status = 'NONE' OR status = 'DEBIT_INTENT' OR status = 'DEBITED' OR
        status = 'DECLINED' OR status = 'VOIDED' OR status = 'REFUND_DUE' OR
        status = 'REFUNDED' OR status = 'PARKED'),
    transaction_id TEXT   NOT NULL,
    refund_id      TEXT   NOT NULL,
    parked_reason  TEXT   NOT NULL,
    version        BIGINT NOT NULL
);
CREATE INDEX payments_parked ON payments (order_id) WHERE status = 'PARKED';

-- Where the saga of an order stands. Timers live here, not in tasks; a lease is an owner, an end
-- and an epoch that every write of the owner checks.
CREATE TABLE sagas (
    order_id        TEXT   NOT NULL PRIMARY KEY,
    goal            TEXT   NOT NULL,
    stock           TEXT   NOT NULL,
    delivery        TEXT   NOT NULL,
    step            TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    replans         BIGINT NOT NULL,
    debit_queued    BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    lease_owner     TEXT   NOT NULL,
    lease_until     BIGINT NOT NULL,
    epoch           BIGINT NOT NULL
);
CREATE INDEX sagas_due ON sagas (next_attempt_at, order_id);

-- The first answer to each client's key, for at least a day.
CREATE TABLE idempotency (
    user_id    TEXT   NOT NULL,
    route      TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    body_hash  TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    location   TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, route, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);
