//! The limits a job is held to. Those of Zoom are its published ones.

/// The longest job, in bytes.
pub const MAX_JOB: usize = 64 * 1024;
/// The longest metadata, in bytes of JSON.
pub const MAX_METADATA: usize = 4 * 1024;
/// Depth to which objects and arrays may stand in each other.
pub const MAX_DEPTH: usize = 64;
/// The longest `user` or `schedule_for`, in bytes.
pub const MAX_USER: usize = 320;
/// `max_attempts` when the job names none, and the most it may name.
pub const ATTEMPTS: (u8, u8) = (5, 25);

/// Zoom: the longest topic, in characters.
pub const TOPIC: usize = 200;
/// Zoom: the longest agenda, in characters.
pub const AGENDA: usize = 2_000;
/// Zoom: the longest passcode, in characters.
pub const PASSWORD: usize = 10;
/// Zoom: the longest meeting, in minutes.
pub const DURATION: i64 = 1_440;
/// Zoom: the kinds of meeting.
pub const TYPES: &[i64] = &[1, 2, 3, 8, 10];
/// Zoom: the most occurrences of a recurring meeting.
pub const END_TIMES: i64 = 60;
/// Zoom: the longest `settings.audio_conference_info`, in characters.
pub const AUDIO_INFO: usize = 2_048;
