-- The Warehouse's stock, and what was reserved of it.

INSERT INTO stock (sku, warehouse, received, on_hand, reserved, committed)
SELECT 'sku-' || n, warehouse, 9000, 4000, 10, 5000
FROM generate_series(1, 12) n, unnest(ARRAY['perth', 'sydney', 'hobart']) warehouse;

INSERT INTO reservations (order_id, state, version, created_at, changed_at)
SELECT id, CASE status WHEN 'CANCELLED' THEN 'RETURNED' WHEN 'FAILED' THEN 'RELEASED'
    ELSE 'COMMITTED' END, 2, at, at + 1000000
FROM placed ORDER BY n;

INSERT INTO reservation_lines (order_id, sku, warehouse, quantity)
SELECT id, 'sku-' || 1 + (n + line * 5) % 12, 'sydney', 1 + n % 3
FROM placed, generate_series(0, 1) line WHERE line <= n % 2 ORDER BY n;

INSERT INTO restocks (key, sku, warehouse, quantity, at)
SELECT md5(n::text), 'sku-' || 1 + n % 12, 'sydney', 100, at FROM placed WHERE n % 10 = 0;
