-- Mails, one for each order and template (`protocol.md` §3). A CLAIMED one is being sent by the
-- replica that claimed it, until its time is up.
CREATE TABLE sent (
    order_id      TEXT   NOT NULL,
    template      TEXT   NOT NULL,
    message_id    TEXT   NOT NULL,
    recipient     TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    text          TEXT   NOT NULL,
    html          TEXT   NOT NULL,
    state         TEXT   NOT NULL CONSTRAINT sent_state CHECK (state IN ('CLAIMED', 'SENT')),
    claimed_by    TEXT   NOT NULL,
    claimed_until BIGINT NOT NULL,
    sent_at       BIGINT,
    PRIMARY KEY (order_id, template),
    CONSTRAINT sent_has_time CHECK ((sent_at IS NULL) = (state = 'CLAIMED'))
);
CREATE INDEX sent_time ON sent (sent_at) WHERE state = 'SENT';
CREATE INDEX sent_recipient ON sent (recipient, sent_at) WHERE state = 'SENT';
