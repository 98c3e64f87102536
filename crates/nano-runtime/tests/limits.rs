crate::support::tests![];
