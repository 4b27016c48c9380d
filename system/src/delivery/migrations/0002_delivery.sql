-- DeliveryCo's parcels, one for each order. A tombstone (a cancel that came before its request) is
-- a CANCELLED parcel that was never received: it has no content.
CREATE TABLE parcels (
    order_id      TEXT   NOT NULL PRIMARY KEY,
    status        TEXT   NOT NULL CONSTRAINT parcel_status CHECK (
        status = 'RECEIVED' OR status = 'PICKED_UP' OR status = 'IN_TRANSIT' OR
        status = 'DELIVERED' OR status = 'LOST' OR status = 'CANCELLED'),
    -- Counts the parcel's changes, which makes it the version that guards each of them.
    sequence      BIGINT NOT NULL CONSTRAINT parcel_sequence CHECK (sequence >= 1),
    changed_at    BIGINT NOT NULL,
    -- When the rounds move it along; null when they are done with it.
    next_move_at  BIGINT,
    -- Decided on departure.
    will_be_lost  BIGINT NOT NULL DEFAULT 0
        CONSTRAINT parcel_will_be_lost CHECK (will_be_lost IN (0, 1)),
    customer_id   TEXT,
    email         TEXT,
    -- The whole request, as JSON.
    request       TEXT,
    received_at   BIGINT,
    picked_up_at  BIGINT,
    in_transit_at BIGINT,
    delivered_at  BIGINT,
    lost_at       BIGINT,
    cancelled_at  BIGINT,
    -- A lost parcel stays LOST; this says that it turned up.
    found_at      BIGINT,
    CONSTRAINT parcel_received_with_content CHECK ((received_at IS NULL) = (request IS NULL))
);
CREATE INDEX parcels_due ON parcels (next_move_at, order_id) WHERE next_move_at IS NOT NULL;
