-- The same kind of trouble may come to an order again: each is an alert of its own, with its cause.
-- SQLite cannot change a primary key, so the table is made anew.

CREATE TABLE alerts_each (
    id        TEXT   NOT NULL PRIMARY KEY,
    order_id  TEXT   NOT NULL,
    kind      TEXT   NOT NULL,
    cause     TEXT   NOT NULL,
    text      TEXT   NOT NULL,
    raised_at BIGINT NOT NULL
);

INSERT INTO alerts_each (id, order_id, kind, cause, text, raised_at)
SELECT order_id || ':' || kind, order_id, kind, '', text, raised_at FROM alerts;

DROP TABLE alerts;
ALTER TABLE alerts_each RENAME TO alerts;

-- Whether this was told lately, and what is newest.
CREATE INDEX alerts_told ON alerts (order_id, kind, cause, raised_at);
CREATE INDEX alerts_newest ON alerts (raised_at DESC, order_id, kind);
