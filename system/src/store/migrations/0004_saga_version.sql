-- Raised by every write of an order, its payment, its allocation or its saga: what was read before the
-- last write is not saved over it.
ALTER TABLE sagas ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
