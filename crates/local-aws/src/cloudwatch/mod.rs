//! CloudWatch, as far as it is answered here: `ReplicaLag` of RDS. Every other call passes to MiniStack.

pub mod replica_lag;
