//! A way to a server, cut and mended.

use std::time::Duration;

use devstack::Link;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A server that has one connection, through a link.
async fn connected() -> (Link, TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let link = Link::to(listener.local_addr().unwrap().port()).await.unwrap();
    let client = TcpStream::connect(("127.0.0.1", link.port())).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (link, client, server)
}

async fn receive(from: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, from.read_exact(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

/// That nothing comes can only be seen by waiting.
async fn receives_nothing(from: &mut TcpStream) {
    let mut byte = [0];
    let read = timeout(Duration::from_millis(200), from.read(&mut byte)).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn what_is_sent_through_a_cut_link_arrives_when_it_is_mended() {
    let (link, mut client, mut server) = connected().await;
    client.write_all(b"one").await.unwrap();
    assert_eq!(receive(&mut server, 3).await, "one");
    link.cut();
    client.write_all(b"two").await.unwrap();
    server.write_all(b"three").await.unwrap();
    tokio::join!(receives_nothing(&mut client), receives_nothing(&mut server));
    link.mend();
    assert_eq!(receive(&mut server, 3).await, "two");
    assert_eq!(receive(&mut client, 5).await, "three");
}

#[tokio::test]
async fn a_connection_through_a_cut_link_is_made_when_it_is_mended() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let link = Link::to(listener.local_addr().unwrap().port()).await.unwrap();
    link.cut();
    let mut client = TcpStream::connect(("127.0.0.1", link.port())).await.unwrap();
    client.write_all(b"one").await.unwrap();
    assert!(timeout(Duration::from_millis(200), listener.accept()).await.is_err());
    link.mend();
    let (mut server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    assert_eq!(receive(&mut server, 3).await, "one");
}

#[tokio::test]
async fn the_end_of_a_connection_is_seen_on_the_other_side_unless_the_link_is_cut() {
    let (link, client, mut server) = connected().await;
    link.cut();
    drop(client);
    receives_nothing(&mut server).await;
    link.mend();
    let read = timeout(PATIENCE, server.read(&mut [0])).await.unwrap();
    assert_eq!(read.unwrap(), 0);
}

const PATIENCE: Duration = Duration::from_secs(20);
