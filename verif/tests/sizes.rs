// SPDX-License-Identifier: Apache-2.0
//! Machines that leave units out, and machines of one's own sizes: what they say of themselves, run, and refuse.

use systole_backends::{Backend, on_machine};
use systole_chip::Options;
use systole_compiler::{Options as Compile, compile};
use systole_host::{HostError, Transport, Wake};
use systole_isa::Config;
use systole_isa::regs::offset;
use systole_workloads::digits;

fn refused(error: HostError) -> bool {
    matches!(error, HostError::Machine { name: "RRAM_ABSENT", .. })
}

#[test]
fn a_machine_without_rram_runs_what_is_loaded_and_says_that_it_has_none() {
    let own = "small,RRAM_CTRL=0,POST_LANES=4"; // a model of its own: on the RTL in the long suite
    for (text, backend) in [
        ("nano", Backend::Rtl),
        ("nano", Backend::Model),
        (own, if systole_verif::long() { Backend::Rtl } else { Backend::Model }),
    ] {
        let config = Config::named(text).unwrap();
        let graph = digits::load().unwrap().network.graph().unwrap();
        let compiled = compile(&graph, &config, &Compile::default()).unwrap();
        let expected = config.clone();
        on_machine(backend, &config, &Options::default(), async move |driver| {
            // Every size is read from the machine's registers.
            assert_eq!(driver.config().parameters(), expected.parameters());
            let frame = vec![0; compiled.image.in_bytes as usize];
            driver.load(&compiled.image).await?;
            let first = driver.run(&frame).await?;
            assert_eq!(first.cycles, compiled.cycles);
            assert!(refused(driver.program(&compiled.image, None).await.unwrap_err()));
            assert!(refused(driver.wake(Wake::Checked, &compiled.image).await.unwrap_err()));
            driver.clear_error().await?;
            assert!(refused(driver.scrub().await.unwrap_err()));
            driver.clear_error().await?;
            // A record has no place to go.
            driver.transport().write(offset("UPLOAD_TARGET"), 6).await?;
            driver.transport().send_image(&[1; 64]).await?;
            driver.transport().read(offset("ID")).await?;
            assert_eq!(driver.transport().read(offset("ERROR")).await? & 0xff, 17);
            driver.clear_error().await?;
            assert!(refused(driver.rram_status().await.unwrap_err()));
            driver.load(&compiled.image).await?;
            assert_eq!(driver.run(&frame).await?.frame, first.frame);
            driver.transport().write(offset("EVENT_SELECT"), 0).await?;
            let events = driver.transport().read(offset("EVENT_VALUE")).await?;
            assert_eq!(events != 0, expected.events);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{text}: {e}"));
    }
}
