//! The event of an execution that ended, with whatever input it was started with.

use replication::Account;
use report::input::prune_request;
use report::plan::of_failure;
use report::{Ended, EndedIn};

/// Source: SNS API, Publish: 256 KiB in all.
const MESSAGE_LIMIT_BYTES: usize = 256 * 1024;

/// The report has a subject and a size that SNS takes, in either account. Answers whether it says what to prune.
///
/// Input, error, cause and start, parted by zero bytes.
pub fn ended(text: &str) -> bool {
    let prunes = [Account::Source, Account::Target].map(|account| {
        let mut texts = text.split('\0').map(str::to_owned);
        let (input, error, cause) = (texts.next(), texts.next(), texts.next());
        let execution = Ended {
            execution_arn: "arn:aws:states:us-east-1:111111111111:execution:m:e".to_owned(),
            name: "e".to_owned(),
            status: "FAILED".to_owned(),
            start_date: texts.next().and_then(|it| it.parse().ok()),
            input,
            error,
            cause,
        };
        is_reported(&EndedIn { account, execution })
    });
    prunes.contains(&true)
}

fn is_reported(ended: &EndedIn) -> bool {
    let outcome = of_failure(ended);
    // Source: SNS API, Publish: fewer than 100 characters, no control character, and in its older words ASCII alone.
    let is_plain = |it: char| it.is_ascii_graphic() || it == ' ';
    assert!(outcome.subject.len() < 100 && outcome.subject.chars().all(is_plain), "{:?}", outcome.subject);
    assert!(outcome.message.to_string().len() <= MESSAGE_LIMIT_BYTES);
    prune_request(ended).is_some()
}
