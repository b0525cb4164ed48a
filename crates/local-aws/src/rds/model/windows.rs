//! The daily backup window and the weekly maintenance window: their syntax, their length, and that they do not overlap.
//!
//! Source: RDS API, CreateDBInstance. The overlap and its text are seen on AWS:
//! github.com/hashicorp/terraform-provider-aws#49828. RDS shows windows in lower case: the same, #7046.

use super::{
    refusal::Refusal,
    settings::{Changes, Settings},
};

const BACKUP: &str = "PreferredBackupWindow";
const MAINTENANCE: &str = "PreferredMaintenanceWindow";
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const SHORTEST: u32 = 30;

/// Start and length in minutes, from midnight or from Monday's midnight.
#[derive(Clone, Copy)]
struct Window {
    start: u32,
    length: u32,
}

/// The windows that change by a request to a DB instance with these settings, as RDS shows them. A new DB instance gets
/// a window that is not given: one that does not overlap. A DB instance keeps a window that is not given.
pub fn settle(given: &Changes, settings: &Settings, is_new: bool) -> Result<Changes, Refusal> {
    let mut windows: Changes = [BACKUP, MAINTENANCE]
        .into_iter()
        .filter_map(|name| Some((name, given.get(name)?.to_ascii_lowercase())))
        .collect();
    let value = |name: &str| windows.get(name).map(String::as_str).or(settings.get(name));
    let (Some(backup), Some(maintenance)) = (value(BACKUP), value(MAINTENANCE)) else { return Ok(windows) };
    let (backup, maintenance) = (backup_window(backup)?, maintenance_window(maintenance)?);
    if overlap(backup, maintenance) {
        if !is_new || windows.len() == 2 {
            let message = "The backup window and maintenance window must not overlap.";
            return Err(Refusal::InvalidParameterValue(message.to_owned()));
        }
        // RDS chooses at random. Here the window that is not given begins where the other one ends.
        match windows.contains_key(MAINTENANCE) {
            true => windows.insert(BACKUP, daily(maintenance.start + maintenance.length)),
            false => windows.insert(MAINTENANCE, weekly(backup.start + backup.length)),
        };
    }
    Ok(windows)
}

fn backup_window(text: &str) -> Result<Window, Refusal> {
    let parse = || {
        let (start, end) = text.split_once('-')?;
        Some((minute_of_day(start)?, minute_of_day(end)?))
    };
    let Some((start, end)) = parse() else {
        return Err(Refusal::InvalidParameterValue(format!(
            "Invalid backup window format: {text}. Should be specified as a range hh24:mi-hh24:mi (24H Clock UTC). \
             Example: 23:45-00:15"
        )));
    };
    let length = (end + DAY - start) % DAY;
    long_enough("backup", length)?;
    Ok(Window { start, length })
}

fn maintenance_window(text: &str) -> Result<Window, Refusal> {
    let invalid = |what: &str| Refusal::InvalidParameterValue(what.to_owned());
    let Some((start, end)) = text.split_once('-') else {
        return Err(invalid(&format!(
            "Invalid maintenance window format: {text}. Should be specified as a range ddd:hh24:mi-ddd:hh24:mi (24H \
             Clock UTC). Example: Sun:23:45-Mon:00:15"
        )));
    };
    let minute_of_week = |text: &str| {
        let (day, time) = text.split_once(':')?;
        let day = (0..).zip(DAYS).find(|(_, name)| *name == day)?.0;
        Some(day * DAY + minute_of_day(time)?)
    };
    let (Some(start), Some(end)) = (minute_of_week(start), minute_of_week(end)) else {
        return Err(invalid(&format!("Invalid day:hour:minute value: {text}")));
    };
    let length = (end + WEEK - start) % WEEK;
    long_enough("maintenance", length)?;
    match length < DAY {
        true => Ok(Window { start, length }),
        false => Err(invalid("Maintenance window must be less than 24 hours.")),
    }
}

fn long_enough(which: &str, length: u32) -> Result<(), Refusal> {
    if length >= SHORTEST {
        return Ok(());
    }
    let message = format!("The {which} window must be at least {SHORTEST} minutes.");
    Err(Refusal::InvalidParameterValue(message))
}

/// `hh24:mi`.
fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

/// The backup window comes every day, and both may go on past midnight.
fn overlap(backup: Window, maintenance: Window) -> bool {
    let meet = |a: Window, b: Window, round: u32| {
        (b.start + round - a.start) % round < a.length || (a.start + round - b.start) % round < b.length
    };
    (0..7).any(|day| meet(Window { start: backup.start + day * DAY, ..backup }, maintenance, WEEK))
}

fn daily(start: u32) -> String {
    let time = |minute: u32| format!("{:02}:{:02}", minute % DAY / 60, minute % 60);
    format!("{}-{}", time(start), time(start + SHORTEST))
}

/// On Sunday, unless it is past midnight.
fn weekly(start: u32) -> String {
    let start = 6 * DAY + start;
    let at = |minute: u32| {
        let day = DAYS.get((minute % WEEK / DAY) as usize).copied().unwrap_or_default();
        format!("{day}:{:02}:{:02}", minute % DAY / 60, minute % 60)
    };
    format!("{}-{}", at(start), at(start + SHORTEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rds::model::settings::ListChanges;

    /// Windows of a DB instance that has `03:00-03:30` and `sun:04:00-sun:04:30`, or the refusal's first words.
    fn changed(backup: &str, maintenance: &str, is_new: bool) -> String {
        let mut given = Changes::from([(BACKUP, backup.to_owned()), (MAINTENANCE, maintenance.to_owned())]);
        given.retain(|_, window| !window.is_empty());
        let mut settings = Settings::new(Changes::new(), ListChanges::default());
        match settle(&given, &settings, is_new) {
            Ok(windows) => {
                settings.apply(windows);
                [BACKUP, MAINTENANCE].map(|name| settings.get(name).unwrap()).join(" ")
            }
            Err(refusal) => refusal.message().split_inclusive('.').next().unwrap().to_owned(),
        }
    }

    #[test]
    fn windows_follow_the_rules() {
        let overlap = "The backup window and maintenance window must not overlap.";
        for (backup, maintenance, expected) in [
            ("", "", "03:00-03:30 sun:04:00-sun:04:30"),
            ("", "MON:16:00-Tue:01:30", "03:00-03:30 mon:16:00-tue:01:30"),
            ("23:45-00:15", "mon:00:15-mon:00:45", "23:45-00:15 mon:00:15-mon:00:45"),
            ("03:00-3:30", "", "Invalid backup window format: 03:00-3:30."),
            ("03:00", "", "Invalid backup window format: 03:00."),
            ("24:00-24:30", "", "Invalid backup window format: 24:00-24:30."),
            ("03:00-03:29", "", "The backup window must be at least 30 minutes."),
            ("", "mon:16tue:17:00", "Invalid maintenance window format: mon:16tue:17:00."),
            ("", "sim:16:00-mon:16:30", "Invalid day:hour:minute value: sim:16:00-mon:16:30"),
            ("", "mon:16:00-mon:16:05", "The maintenance window must be at least 30 minutes."),
            ("", "mon:16:00-tue:17:00", "Maintenance window must be less than 24 hours."),
            ("20:00-20:30", "wed:18:00-wed:22:00", overlap),
            ("00:00-00:30", "wed:18:00-thu:01:00", overlap),
            ("23:50-00:20", "thu:00:00-thu:14:00", overlap),
            ("23:50-00:20", "sun:18:00-mon:00:10", overlap),
        ] {
            assert_eq!(changed(backup, maintenance, true), expected, "{backup} {maintenance}");
        }
        assert_eq!(changed("04:00-04:30", "", false), overlap, "a DB instance keeps its other window");
        assert_eq!(changed("04:00-04:30", "", true), "04:00-04:30 sun:04:30-sun:05:00");
        assert_eq!(changed("", "tue:03:00-tue:23:45", true), "23:45-00:15 tue:03:00-tue:23:45");
    }
}
