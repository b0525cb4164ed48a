//! The daily backup window and the weekly maintenance window, both in UTC.
//!
//! Source: RDS API, PreferredBackupWindow and PreferredMaintenanceWindow: each is at least 30 minutes long, and they do
//! not overlap.

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const LEAST: u32 = 30;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// When a window begins, and how long it is, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    begins: u32,
    lasts: u32,
}

/// Reads `hh24:mi-hh24:mi`.
pub fn backup(text: &str) -> Result<Window, &'static str> {
    let (from, to) = text
        .split_once('-')
        .and_then(|(from, to)| Some((time(from)?, time(to)?)))
        .ok_or("must be hh24:mi-hh24:mi, such as 03:00-03:30")?;
    window(from, to, DAY)
}

/// Reads `ddd:hh24:mi-ddd:hh24:mi`.
pub fn maintenance(text: &str) -> Result<Window, &'static str> {
    let (from, to) = text
        .split_once('-')
        .and_then(|(from, to)| Some((day_and_time(from)?, day_and_time(to)?)))
        .ok_or("must be ddd:hh24:mi-ddd:hh24:mi, such as sun:05:00-sun:05:30")?;
    window(from, to, WEEK)
}

/// Whether a maintenance window meets the backup window of any day.
pub fn overlap(backup: Window, maintenance: Window) -> bool {
    (0..7).any(|day| {
        let begins = backup.begins + day * DAY;
        // One of two windows begins within the other, or neither.
        (maintenance.begins + WEEK - begins) % WEEK < backup.lasts
            || (begins + WEEK - maintenance.begins) % WEEK < maintenance.lasts
    })
}

fn window(from: u32, to: u32, period: u32) -> Result<Window, &'static str> {
    let lasts = (to + period - from) % period;
    if lasts < LEAST { Err("must be at least 30 minutes long") } else { Ok(Window { begins: from, lasts }) }
}

fn day_and_time(text: &str) -> Option<u32> {
    let (day, rest) = text.split_once(':')?;
    let day = DAYS.iter().position(|it| it.eq_ignore_ascii_case(day))?;
    Some(u32::try_from(day).ok()? * DAY + time(rest)?)
}

fn time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u32>().ok().filter(|it| digits && *it < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_rdss_form_and_at_least_half_an_hour() {
        for (text, good) in [
            ("03:00-03:30", true),
            ("23:45-00:15", true),
            ("03:00-03:29", false),
            ("03:00-03:00", false),
            ("3:00-4:00", false),
            ("24:00-24:30", false),
            ("03:60-04:30", false),
            ("+3:00-04:00", false),
            ("sun:03:00-sun:04:00", false),
            ("03:00", false),
            ("", false),
        ] {
            assert_eq!(backup(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("sun:05:00-sun:05:30", true),
            ("Sun:23:45-Mon:00:15", true),
            ("sun:05:00-sun:05:29", false),
            ("son:05:00-son:05:30", false),
            ("05:00-05:30", false),
            ("sun:05:00", false),
        ] {
            assert_eq!(maintenance(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_maintenance_window_must_not_meet_the_backup_window_of_any_day() {
        let check = |daily: &str, weekly: &str, expected: bool| {
            assert_eq!(
                overlap(backup(daily).unwrap(), maintenance(weekly).unwrap()),
                expected,
                "{daily} {weekly}"
            );
        };
        check("03:00-04:00", "sun:03:30-sun:04:30", true);
        check("03:00-04:00", "wed:02:30-wed:03:30", true);
        check("03:00-04:00", "wed:02:30-thu:02:30", true);
        check("03:00-04:00", "sun:04:00-sun:04:30", false);
        check("03:00-04:00", "sun:02:30-sun:03:00", false);
        check("23:30-00:30", "mon:00:00-mon:01:00", true);
        check("00:00-01:00", "sun:23:30-mon:00:30", true);
        check("23:30-00:30", "mon:00:30-mon:01:00", false);
    }
}
