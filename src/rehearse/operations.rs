//! What a request asks for, by its request line: the operations that faults aim at, as the routes have
//! them.

use std::sync::LazyLock;

use http::Method;
use stormproof_system::api::Endpoint;
use stormproof_system::service::SERVICES;

/// Every route that is asked for in the course of an order, with its service.
static ROUTES: LazyLock<Vec<(&str, Endpoint)>> = LazyLock::new(|| {
    let routes = SERVICES.iter().flat_map(|service| {
        (service.endpoints)().into_iter().map(|endpoint| (service.name, endpoint))
    });
    routes.filter(|(_, endpoint)| endpoint.asked.is_some()).collect()
});

/// The operation of a request to `service`; none has requests that no fault aims at.
pub fn operation(service: &str, method: &Method, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let mut routes = ROUTES.iter();
    let (_, endpoint) =
        routes.find(|(callee, endpoint)| *callee == service && endpoint.is_for(method, path))?;
    endpoint.asked.map(|asked| asked.operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_known_by_their_line() {
        assert_eq!(operation("store", &Method::GET, "/orders?limit=2"), Some("look"));
        assert_eq!(operation("store", &Method::POST, "/orders"), Some("order"));
        assert_eq!(operation("bank", &Method::POST, "/debits/7/void"), Some("void"));
        assert_eq!(operation("bank", &Method::POST, "/debits//void"), None);
        assert_eq!(operation("store", &Method::POST, "/products"), None);
        assert_eq!(operation("bank", &Method::POST, "/orders"), None);
    }
}
