pub fn router(_: &crate::ports::Ports) -> axum::Router {
    axum::Router::new()
}
pub fn workers(_: &crate::ports::Ports) -> Vec<crate::worker::Worker> {
    Vec::new()
}
