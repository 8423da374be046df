"""Messages that leave the portal: kept in an outbox with what they are about, sent by the worker, shown to staff."""
