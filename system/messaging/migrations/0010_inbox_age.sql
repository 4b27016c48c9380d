-- What was received long ago is forgotten. Rows of the outbox and of the audit trail are found by their ids,
-- which grow with time; a message's id is its author's.

CREATE INDEX inbox_age ON inbox (received_at);
