-- The Store's orders with what belongs to them, more moves and messages, and its 2,000 customers.

INSERT INTO users (id, username, email, password_hash, role, created_at)
SELECT '019b0000-0000-7000-8000-' || lpad(n::text, 12, '0'), 'user-' || n,
    'user-' || n || '@shop.example', repeat('x', 96), 'customer', 1893456000000000 + n
FROM generate_series(0, 1999) n;

INSERT INTO products (sku, name, price, currency)
SELECT 'sku-' || n, 'A product of number ' || n, 1000 + n, 'AUD' FROM generate_series(1, 12) n;

INSERT INTO orders (id, user_id, email, status, total, currency, reason, carrier_sequence, version,
    pending_payment_at, paid_at, received_at, picked_up_at, in_transit_at, delivered_at,
    payment_status, transaction_id, refund_id, parked_reason, goal, stock, delivery, step, attempts,
    replans, debit_queued, next_attempt_at, lease_owner, lease_until, epoch)
SELECT id, customer, 'somebody@shop.example', status, 4200, 'AUD', '', 5, 12, at, at + 1000000,
    at + 2000000, at + 3000000, at + 4000000, at + 5000000,
    CASE WHEN n % 1000 = 0 THEN 'PARKED' WHEN status IN ('CANCELLED', 'LOST') THEN 'REFUNDED'
        ELSE 'DEBITED' END,
    '019b2c04-0000-7000-8000-' || lpad(n::text, 12, '0'), '', '',
    CASE WHEN n > 19600 THEN 'DELIVER' ELSE 'DONE' END, 'COMMITTED', 'REQUESTED', 'NONE', 0, 0, 0,
    CASE WHEN n > 19600 THEN at + 60000000 ELSE 9223372036854775807 END, '', 0, 1
FROM placed ORDER BY n;

INSERT INTO order_lines (order_id, sku, name, quantity, price)
SELECT id, 'sku-' || 1 + (n + line * 5) % 12, 'A product', 1 + n % 3, 1000
FROM placed, generate_series(0, 1) line WHERE line <= n % 2 ORDER BY n;

INSERT INTO allocations (order_id, sku, warehouse, quantity)
SELECT order_id, sku, 'sydney', quantity FROM order_lines ORDER BY order_id, sku;

INSERT INTO idempotency (user_id, route, key, body_hash, status, location, body, created_at)
SELECT customer, 'POST /orders', md5(n::text), repeat('0123456789abcdef', 4), 201,
    '/orders/' || id, repeat('{"status":"PAID"}', 20), at
FROM placed ORDER BY n;

INSERT INTO outbox (id, exchange, routing_key, correlation_id, schema_name, schema_version,
    traceparent, body, status, attempts, created_at, next_attempt_at, sent_at)
SELECT '019b2c05-0000-7000-8000-' || lpad(n::text, 12, '0'), 'shop', 'delivery.request', id,
    'delivery.request', 1, '', repeat('{"orderId":"it"}', 20), 'SENT', 1, at, at, at
FROM placed ORDER BY n;

INSERT INTO audit (id, noun, subject, from_state, to_state, at, node)
SELECT '019b2c06-0000-7000-8000-' || lpad((4 * n + move)::text, 12, '0'), 'order', id, 'PAID',
    'RECEIVED', at + 1000000 * move, 'replica-1'
FROM placed, generate_series(0, 3) move ORDER BY n, move;
