-- What every service of the shop keeps besides its messages: alerts, one for each order and kind.

CREATE TABLE alerts (
    order_id  TEXT   NOT NULL,
    kind      TEXT   NOT NULL,
    text      TEXT   NOT NULL,
    raised_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, kind)
);
