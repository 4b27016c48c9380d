//! What a request asks for, by its request line: the operations that faults aim at
//! (`sim/shop/src/topology.rs`).

use http::Method;

/// Service, method, path and operation; `*` is one segment of a path.
const OPERATIONS: [(&str, Method, &str, &str); 20] = [
    ("store", Method::POST, "/register", "register"),
    ("store", Method::POST, "/login", "login"),
    ("store", Method::GET, "/products", "products"),
    ("store", Method::POST, "/orders", "order"),
    ("store", Method::POST, "/orders/*/cancel", "cancel"),
    ("store", Method::GET, "/orders", "look"),
    ("store", Method::GET, "/orders/*", "look"),
    ("store", Method::GET, "/orders/*/timeline", "timeline"),
    ("warehouse", Method::POST, "/availability", "availability"),
    ("warehouse", Method::PUT, "/reservations/*", "reserve"),
    ("warehouse", Method::POST, "/reservations/*/commit", "commit"),
    ("warehouse", Method::POST, "/reservations/*/release", "release"),
    ("warehouse", Method::POST, "/reservations/*/return", "return"),
    ("bank", Method::POST, "/debits", "debit"),
    ("bank", Method::POST, "/debits/*/void", "void"),
    ("bank", Method::POST, "/refunds", "refund"),
    ("delivery", Method::POST, "/deliveries/*/lost", "report lost"),
    ("delivery", Method::POST, "/deliveries/*/found", "report found"),
    ("", Method::POST, "/views", "views"),
    ("bank", Method::PUT, "/accounts/*/status", "set account"),
];

/// The operation of a request to `service`; none has requests that no fault aims at.
pub fn operation(service: &str, method: &Method, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let row = OPERATIONS.iter().find(|(callee, asked, pattern, _)| {
        (callee.is_empty() || *callee == service) && asked == method && fits(pattern, path)
    });
    row.map(|(.., operation)| *operation)
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use stormproof_shop::topology::of_shop;
    use stormproof_system::service::SERVICES;

    use super::*;

    /// Each operation that a fault can aim at is recognised, and each row is a route that is served.
    #[test]
    fn every_call_of_the_map_has_its_request_line() {
        let mut found = Vec::new();
        for service in SERVICES {
            for endpoint in (service.endpoints)() {
                let parts = endpoint.path.split('/');
                let path: Vec<_> =
                    parts.map(|it| if it.starts_with('{') { "x" } else { it }).collect();
                if let Some(name) = operation(service.name, &endpoint.method, &path.join("/")) {
                    found.push((service.name, name));
                }
            }
        }
        for call in &of_shop().operations {
            let (callee, name) = (call.callee.as_str(), call.name.as_str());
            assert!(found.contains(&(callee, name)), "{callee}: {name} of {found:?}");
        }
        for (service, _, _, name) in OPERATIONS {
            let served = |(callee, found): &(&str, &str)| {
                (service.is_empty() || *callee == service) && *found == name
            };
            assert!(found.iter().any(served), "{service}: {name}");
        }
        assert_eq!(operation("store", &Method::GET, "/orders?limit=2"), Some("look"));
        assert_eq!(operation("store", &Method::POST, "/products"), None);
        assert_eq!(operation("bank", &Method::POST, "/orders"), None);
    }
}
