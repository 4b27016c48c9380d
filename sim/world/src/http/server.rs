//! HTTP in: a router behind a listening socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use futures::StreamExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use madsim::net::TcpListener;
use tower::Service as _;

use crate::World;
use crate::faults::process::slowness;
use crate::http::connection::{ByteStream, Peer, Wire, address, node_at};
use crate::node::NodeIndex;
use crate::sleep::sleep;

/// Serves until the node is killed.
pub(crate) async fn serve(world: &World, node: NodeIndex, router: Router) {
    let listener = TcpListener::bind(address(node)).await;
    let listener = listener.expect("the last life of the node let its address go");
    let mut door = world.0.processors.as_ref().map(|_| world.0.doors.open(node));
    loop {
        let (wire, client) = match &mut door {
            Some(door) => {
                let (stream, client) = door.next().await.expect("it is open as long as the world");
                (Wire::Memory(stream), client)
            }
            None => {
                let (stream, peer) =
                    listener.accept().await.expect("the listener lives with its node");
                (Wire::Network(stream), node_at(peer.ip()).expect("all peers are nodes"))
            }
        };
        let busy = Arc::new(AtomicBool::new(false));
        let peer =
            Peer { world: world.clone(), life: world.0.nodes.life(client), busy: busy.clone() };
        let bytes = ByteStream::new(wire, Some(peer));
        let (world, router) = (world.clone(), router.clone());
        madsim::task::spawn_local(async move {
            let service = service_fn(|request| {
                busy.store(true, Ordering::Relaxed);
                let slow = slowness(&world, node);
                let (time, busy) = (&world.0.time, &busy);
                let mut router = router.clone();
                async move {
                    if !slow.is_zero() {
                        sleep(time, slow).await;
                    }
                    let response = router.call(request).await;
                    busy.store(false, Ordering::Relaxed);
                    response
                }
            });
            let mut server = http1::Builder::new();
            server.auto_date_header(false).header_read_timeout(None);
            // An error is a connection that broke; who made it break knows.
            server.serve_connection(bytes, service).await.ok();
        });
    }
}
