//! What is done to the servers: never for longer than the broker promises to get over.

use fastrand::Rng;

use super::{Scene, millis};
use crate::journal::{Kind, now};

/// Now and then one of them stands still or is killed; all run again at the end.
pub(super) async fn torment(scene: Scene, mut rng: Rng) -> anyhow::Result<()> {
    // Each before any comes again, so that a short trial has all of them.
    let mut deeds: Vec<u32> = Vec::new();
    loop {
        if deeds.is_empty() {
            deeds.extend(0..DEEDS);
            rng.shuffle(&mut deeds);
        }
        let peace = millis(&mut rng, 2000..6000);
        tokio::select! {
            () = scene.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(peace) => {}
        }
        let (world, from, lasts) = (&scene.setting.world, now(), millis(&mut rng, 100..1500));
        let say = |what: &str| scene.output.say(format!("{what} for {lasts:?}"));
        let kind = match deeds.pop().unwrap_or_default() {
            0 => {
                say("Redis stands still");
                world.redis().pause().await?;
                tokio::time::sleep(lasts).await;
                world.redis().resume().await?;
                Kind::Redis
            }
            1 => {
                say("Redis is killed, and gone");
                world.redis().kill().await?;
                tokio::time::sleep(lasts).await;
                world.redis().restart().await?;
                Kind::RedisEmptied
            }
            2 => {
                say("the target stands still");
                world.orders().pause().await?;
                tokio::time::sleep(lasts).await;
                world.orders().resume().await?;
                Kind::Target
            }
            3 => {
                say("the target is killed, and gone");
                world.orders().kill().await?;
                tokio::time::sleep(lasts).await;
                world.orders().restart().await?;
                Kind::Target
            }
            // It is not killed: it is not durable here, and could have users again that it had dropped.
            4 => {
                say("MariaDB stands still");
                let mariadb = &scene.setting.mariadb;
                mariadb.pause().await?;
                tokio::time::sleep(lasts).await;
                mariadb.resume().await?;
                Kind::Target
            }
            _ => {
                say("the ledger is killed, and gone");
                world.ledger().kill().await?;
                tokio::time::sleep(lasts).await;
                world.ledger().restart().await?;
                Kind::Ledger
            }
        };
        scene.journal.trouble(kind, from);
    }
}

/// How many different things are done.
const DEEDS: u32 = 6;
