-- An order, its payment and its saga are read and written together, so they are one row, and one version
-- guards it. Replicas of the version before this one cannot read it: they are stopped first.

ALTER TABLE orders ADD COLUMN payment_status TEXT NOT NULL DEFAULT 'NONE'
    CONSTRAINT orders_payment_status CHECK (
        payment_status = 'NONE' OR payment_status = 'DEBIT_INTENT' OR
        payment_status = 'DEBITED' OR payment_status = 'DECLINED' OR
        payment_status = 'VOIDED' OR payment_status = 'REFUND_DUE' OR
        payment_status = 'REFUNDED' OR payment_status = 'PARKED');
ALTER TABLE orders ADD COLUMN transaction_id  TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN refund_id       TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN parked_reason   TEXT   NOT NULL DEFAULT '';

-- Timers live here, not in tasks; a lease is an owner, an end and an epoch that every write of the owner
-- checks.
ALTER TABLE orders ADD COLUMN goal            TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN stock           TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN delivery        TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN step            TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN attempts        BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN replans         BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN debit_queued    BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN next_attempt_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN lease_owner     TEXT   NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN lease_until     BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN epoch           BIGINT NOT NULL DEFAULT 0;

UPDATE orders SET
    payment_status = p.status, transaction_id = p.transaction_id, refund_id = p.refund_id,
    parked_reason = p.parked_reason, goal = s.goal, stock = s.stock, delivery = s.delivery,
    step = s.step, attempts = s.attempts, replans = s.replans, debit_queued = s.debit_queued,
    next_attempt_at = s.next_attempt_at, lease_owner = s.lease_owner,
    lease_until = s.lease_until, epoch = s.epoch,
    version = CASE WHEN s.version > orders.version THEN s.version ELSE orders.version END
FROM payments p, sagas s WHERE p.order_id = orders.id AND s.order_id = orders.id;

DROP TABLE payments;
DROP TABLE sagas;

CREATE INDEX orders_due ON orders (next_attempt_at, id);
CREATE INDEX orders_parked ON orders (id) WHERE payment_status = 'PARKED';
