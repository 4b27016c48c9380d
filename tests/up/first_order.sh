# A first order, and one that is cancelled. Needs curl, and a shop that is open: `cargo run`.
shop=${SHOP:-http://127.0.0.1:8080}
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }

curl -s $shop/products; echo
curl -s $shop/register -d '{"username": "grace", "password": "correct horse", "email": "grace@customer.example"}'; echo
token=$(curl -s $shop/login -d '{"username": "grace", "password": "correct horse"}' | field token)

# Two teapots. The same key again is the same order, however often it is sent.
order() { curl -s $shop/orders -H "Authorization: Bearer $token" -H "Idempotency-Key: $1" -d "$2"; }
teapots=$(order first '{"lines": [{"sku": "teapot", "quantity": 2}]}' | field order_id)
order first '{"lines": [{"sku": "teapot", "quantity": 2}]}'; echo

# A lamp, and a change of mind.
see() { curl -s $shop/orders/$1 -H "Authorization: Bearer $token"; }
lamp=$(order second '{"lines": [{"sku": "lamp", "quantity": 1}]}' | field order_id)
until see $lamp | grep -q '"payment":"DEBITED"'; do sleep 0.2; done
curl -s -X POST $shop/orders/$lamp/cancel -H "Authorization: Bearer $token"; echo
until see $lamp | grep '"status":"CANCELLED"'; do sleep 0.2; done

# The teapots are at the door after about 15 seconds. Kill the shop on the way, if you like.
until see $teapots | grep '"status":"DELIVERED"'; do sleep 0.5; done
see $teapots/timeline; echo
curl -s "$shop/mailbox?to=grace@customer.example" | grep -o '<h2>[^<]*'
