-- DeliveryCo's parcels: none for an order that failed.

INSERT INTO parcels (order_id, status, sequence, changed_at, next_move_at, customer_id, email,
    request, received_at, picked_up_at, in_transit_at, delivered_at)
SELECT id, status, 4, at + 5000000, CASE WHEN n > 19600 THEN at + 60000000 END, customer,
    'somebody@shop.example', repeat('{"sku":"it"}', 40), at + 2000000, at + 3000000, at + 4000000,
    CASE WHEN n > 19600 THEN NULL ELSE at + 5000000 END
FROM placed WHERE status <> 'FAILED' ORDER BY n;
