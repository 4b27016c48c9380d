-- One row: when the reconciler looks next, who has taken it up (the epoch fences off who had it
-- before), and how far its pass over the orders has come.
CREATE TABLE reconciliations (
    name        TEXT   NOT NULL PRIMARY KEY CONSTRAINT reconciliations_one CHECK (name = 'orders'),
    next_at     BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    begun_at    BIGINT NOT NULL,
    after_order TEXT   NOT NULL,
    compared    BIGINT NOT NULL,
    found       BIGINT NOT NULL
);
