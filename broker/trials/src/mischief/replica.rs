//! What is done to one replica: life after life.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use devstack::Program;
use fastrand::Rng;

use super::{Mix, POINTS, Scene, millis};
use crate::journal::{Kind, now};
use crate::replica::Replica;

/// Starts `replica` again and again, and sees to it that it does not live in peace. Answers it running, at the end.
pub(super) async fn torment(scene: Scene, replica: Arc<Replica>, mut rng: Rng) -> anyhow::Result<Program> {
    // Each in turn, begun at another place by each replica.
    let mut points = POINTS.iter().copied().cycle().skip(rng.usize(0..POINTS.len()));
    while !scene.stop.is_cancelled() {
        match rng.u32(0..8) {
            0 | 1 => doomed(&scene, &replica, points.next().unwrap_or_default()).await?,
            2 => stillborn(&scene, &replica, millis(&mut rng, 0..200)).await?,
            _ => {
                let mut program = replica.start(None).await?;
                if !live(&scene, &replica, &mut program, &mut rng).await? {
                    return Ok(program);
                }
            }
        }
        tokio::time::sleep(millis(&mut rng, 0..200)).await;
    }
    replica.start(None).await
}

/// A life that ends at a fail point, if it comes by there soon.
async fn doomed(scene: &Scene, replica: &Replica, point: &'static str) -> anyhow::Result<()> {
    let mut program = match replica.start(Some(point)).await {
        // The reaper and the rotator may come by theirs before anything listens.
        Err(_) if point != "delivery.recorded" => {
            died(scene, replica, point);
            return Ok(());
        }
        started => started?,
    };
    let ended = tokio::select! {
        ended = program.ended() => Some(ended?),
        () = tokio::time::sleep(PATIENCE) => None,
    };
    match ended {
        Some((status, log)) => {
            replica.is_gone();
            if status.signal() == Some(ABORTED) {
                died(scene, replica, point);
            } else {
                ended_by_itself(scene, replica, status, &log);
            }
        }
        None => kill(scene, replica, &mut program, &format!(", as it did not come by {point}")).await?,
    }
    Ok(())
}

/// A life that ends before anything listens, or a moment after.
async fn stillborn(scene: &Scene, replica: &Replica, lasts: Duration) -> anyhow::Result<()> {
    let started = tokio::select! {
        started = replica.start(None) => Some(started?),
        () = tokio::time::sleep(lasts) => None,
    };
    match started {
        Some(mut program) => kill(scene, replica, &mut program, " as soon as it served").await,
        // What was begun here is killed when it is dropped.
        None => {
            killed(scene, replica, " while it started");
            Ok(())
        }
    }
}

/// A life until it is killed; `false` if the trial is over before that, and it goes on.
async fn live(
    scene: &Scene,
    replica: &Replica,
    program: &mut Program,
    rng: &mut Rng,
) -> anyhow::Result<bool> {
    loop {
        let peace = match scene.mix {
            Mix::Kills => millis(rng, 30..600),
            Mix::All => millis(rng, 100..1500),
            Mix::Partitions => millis(rng, 100..3000),
        };
        let ended = tokio::select! {
            ended = program.ended() => Some(ended?),
            () = tokio::time::sleep(peace) => None,
            () = scene.stop.cancelled() => return Ok(false),
        };
        if let Some((status, log)) = ended {
            replica.is_gone();
            ended_by_itself(scene, replica, status, &log);
            return Ok(true);
        }
        let deed = match scene.mix {
            Mix::Kills => 0,
            Mix::All => rng.u32(0..100),
            Mix::Partitions => rng.u32(35..100),
        };
        match deed {
            0..45 => {
                kill(scene, replica, program, "").await?;
                return Ok(true);
            }
            45..70 => cut(scene, replica, Way::Redis, millis(rng, 200..2500)).await,
            70..90 => cut(scene, replica, Way::Ledger, millis(rng, 200..2500)).await,
            _ => stand_still(scene, replica, program, millis(rng, 100..2500)).await?,
        }
    }
}

async fn kill(scene: &Scene, replica: &Replica, program: &mut Program, why: &str) -> anyhow::Result<()> {
    program.kill().await?;
    killed(scene, replica, why);
    Ok(())
}

fn killed(scene: &Scene, replica: &Replica, why: &str) {
    replica.is_gone();
    scene.journal.notes().kills += 1;
    scene.output.say(format!("{replica} killed{why}"));
}

#[derive(Clone, Copy)]
enum Way {
    Redis,
    Ledger,
}

async fn cut(scene: &Scene, replica: &Replica, way: Way, lasts: Duration) {
    let from = now();
    let (link, name, kind) = match way {
        Way::Redis => (&replica.redis, "Redis", Kind::Redis),
        Way::Ledger => (&replica.ledger, "the ledger", Kind::Ledger),
    };
    scene.output.say(format!("{replica} cut off from {name} for {lasts:?}"));
    link.cut();
    tokio::time::sleep(lasts).await;
    link.mend();
    scene.journal.trouble(kind, from);
}

async fn stand_still(
    scene: &Scene,
    replica: &Replica,
    program: &Program,
    lasts: Duration,
) -> anyhow::Result<()> {
    let from = now();
    scene.output.say(format!("{replica} stands still for {lasts:?}"));
    program.signal("STOP").await?;
    tokio::time::sleep(lasts).await;
    program.signal("CONT").await?;
    scene.journal.trouble(Kind::Stopped, from);
    Ok(())
}

fn died(scene: &Scene, replica: &Replica, point: &'static str) {
    *scene.journal.notes().points.entry(point).or_default() += 1;
    scene.output.say(format!("{replica} died at {point}"));
}

fn ended_by_itself(scene: &Scene, replica: &Replica, status: ExitStatus, log: &[String]) {
    let last = log.last().map_or("nothing", String::as_str);
    scene.journal.wrong(format!("{replica} ended by itself ({status}); it said last: {last}"));
}

/// How long is waited for a replica to come by its fail point.
const PATIENCE: Duration = Duration::from_secs(2);

/// SIGABRT.
const ABORTED: i32 = 6;
