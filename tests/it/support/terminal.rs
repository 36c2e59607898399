//! A command on a terminal of its own, as a person sees it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::until;

/// A running command, its keyboard, and all that it has shown.
pub struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    /// Starts a command on a terminal of this many columns.
    pub fn start(mut command: Command, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let name = name.into_string().expect("UTF-8");
        let screen = OpenOptions::new().read(true).write(true).open(name).expect("its other side");
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&screen, size).expect("a size");
        let side = || screen.try_clone().expect("a handle");
        command.env("TERM", "xterm").stdin(side()).stdout(side()).stderr(side());
        let child = command.spawn().expect("the binary starts");
        // The command holds handles of its own, which go with it.
        drop((command, screen));
        let keyboard = File::from(master);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (keyboard.try_clone().expect("a handle"), Arc::clone(&shown));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux answers EIO when the last handle of the other side is closed.
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                to.lock()
                    .expect("not poisoned")
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keyboard, shown, reader }
    }

    /// Text shown so far.
    pub fn shown(&self) -> String {
        self.shown.lock().expect("not poisoned").clone()
    }

    /// Waits until this is shown.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        until(text, || Some(self.shown()).filter(|shown| shown.contains(text)))
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).expect("typed");
    }

    /// Waits for the end: the exit code and all that was shown.
    pub fn end(mut self) -> (i32, String) {
        let status = until("the end of the command", || self.child.try_wait().expect("asked"));
        self.reader.join().expect("no panic");
        let shown = self.shown.lock().expect("not poisoned").clone();
        (status.code().unwrap_or(-1), shown)
    }
}
