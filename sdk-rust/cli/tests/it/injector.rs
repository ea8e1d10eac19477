//! The injector as API servers call it, and what it makes of pods.

mod certificate;
mod cluster;
mod door;
mod golden;
mod kubernetes;
mod property;
mod refused;
mod webhook;
