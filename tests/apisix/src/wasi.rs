//! The functions of WASI that the module imports. Time and random numbers are the test's.

use crate::memory::{Guest, read, write};
use wasmi::Error;

pub(crate) fn call(guest: &mut Guest<'_>, name: &str, given: &[u64]) -> Result<u32, Error> {
    let at = |index: usize| given[index] as u32;
    match name {
        "clock_time_get" => {
            let nanoseconds = guest.data().clock_us() * 1_000;
            write(guest, at(2), &nanoseconds.to_le_bytes());
        }
        "random_get" => {
            let bytes: Vec<u8> = (0..at(1)).map(|_| random_byte(guest)).collect();
            write(guest, at(0), &bytes);
        }
        "environ_sizes_get" => {
            let lines = environment(guest);
            let bytes: usize = lines.iter().map(Vec::len).sum();
            write(guest, at(0), &(lines.len() as u32).to_le_bytes());
            write(guest, at(1), &(bytes as u32).to_le_bytes());
        }
        "environ_get" => {
            let (mut pointer, mut text) = (at(0), at(1));
            for line in environment(guest) {
                write(guest, pointer, &text.to_le_bytes());
                write(guest, text, &line);
                pointer += 4;
                text += line.len() as u32;
            }
        }
        "fd_write" => {
            let mut written = 0;
            for index in 0..at(2) {
                let vector = read(guest, at(1) + index * 8, 8);
                let part = |from: usize| u32::from_le_bytes(vector[from..from + 4].try_into().unwrap());
                let line = String::from_utf8_lossy(&read(guest, part(0), part(4))).into_owned();
                guest.data_mut().say(line);
                written += part(4);
            }
            write(guest, at(3), &written.to_le_bytes());
        }
        _ => return Err(Error::new(format!("{name} ends the VM"))),
    }
    Ok(0)
}

fn environment(guest: &Guest<'_>) -> Vec<Vec<u8>> {
    guest.data().environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn random_byte(guest: &mut Guest<'_>) -> u8 {
    let random = &mut guest.data_mut().random;
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*random >> 56) as u8
}
