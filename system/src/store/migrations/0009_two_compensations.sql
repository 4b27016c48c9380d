-- Stock and money are given back each on its own: what is put aside while the other is tried. And since when
-- nothing has come of a step, so that support hears of what is stuck.

ALTER TABLE orders ADD COLUMN since          BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN aside_step     TEXT   NOT NULL DEFAULT 'REST';
ALTER TABLE orders ADD COLUMN aside_attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN aside_since    BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN aside_until    BIGINT NOT NULL DEFAULT 0;

-- Of orders from before, nobody knows since when: from now on.
UPDATE orders SET since = pending_payment_at WHERE pending_payment_at IS NOT NULL;
