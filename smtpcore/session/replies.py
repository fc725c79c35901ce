"""The texts of what a session says by itself, in one place."""

from __future__ import annotations

from collections.abc import Mapping

from smtpcore.replies import Reply
from smtpcore.spec import Rule

MAIL_OK = Reply(250, "Sender accepted", "2.1.0")
RCPT_OK = Reply(250, "Recipient accepted", "2.1.5")
DATA_OK = Reply(354, "Start mail input; end with <CRLF>.<CRLF>")
MESSAGE_OK = Reply(250, "Message accepted", "2.0.0")
OK = Reply(250, "OK", "2.0.0")
VRFY_DEFAULT = Reply(252, "Cannot VRFY user, but will accept message and attempt delivery", "2.5.0")
ETRN_DEFAULT = Reply(250, "Queuing for the node started", "2.0.0")
EXPN_DEFAULT = Reply(252, "Cannot expand the list, but will accept message and attempt delivery", "2.5.0")
TLS_READY = Reply(220, "Ready to start TLS", "2.0.0")
TLS_INJECTION = Reply(554, "Clear text behind STARTTLS", "5.5.1", close=True)
AUTH_OK = Reply(235, "Authentication succeeded", "2.7.0")
AUTH_FAILED = Reply(535, "Authentication credentials invalid", "5.7.8")
AUTH_MALFORMED = Reply(501, "The response does not fit the mechanism", "5.5.2")
AUTH_SERVER_FIRST = Reply(501, "This mechanism takes no initial response", "5.7.0")
AUTH_CANCELLED = Reply(501, "Authentication cancelled", "5.7.0")
AUTH_BASE64 = Reply(501, "That is no base64", "5.5.2")
AUTH_MECHANISM = Reply(504, "Mechanism not available", "5.5.4")
AUTH_NEEDS_TLS = Reply(538, "Encryption required for this mechanism", "5.7.11")
AUTH_FAULT = Reply(454, "Temporary authentication failure", "4.7.0")
FAULT = Reply(451, "Local error in processing", "4.3.0")
UNQUALIFIED_SENDER = Reply(554, "The domain is not fully qualified", "5.1.8")
UNQUALIFIED_RECIPIENT = Reply(554, "The domain is not fully qualified", "5.1.2")
NOT_TRUSTED = Reply(550, "You may not use this command", "5.7.1")
TOO_BIG = Reply(552, "Message size exceeds the limit", "5.3.4")
TOO_MANY_CHUNKS = Reply(554, "Too many chunks", "5.5.0", close=True)
TOO_MANY_RECIPIENTS = Reply(452, "Too many recipients", "4.5.3")
BARE_NEWLINES = Reply(554, "Bare CR, bare LF or NUL in the content", "5.6.0")
LONG_LINES = Reply(554, "Text line over 1000 octets in the content", "5.6.0")

# The replies of RFC 5321 and its relatives that a hook most often wants, with the codes the RFCs ask for.
BUSY = Reply(421, "Service busy, try again later", "4.3.2")
SENDER_DENIED = Reply(550, "Sender refused", "5.7.1")
RECIPIENT_DENIED = Reply(550, "Recipient refused", "5.7.1")
RECIPIENT_UNKNOWN = Reply(550, "No such user here", "5.1.1")
GREYLISTED = Reply(450, "Greylisted, try again later", "4.7.1")
MAILBOX_FULL = Reply(552, "Mailbox full", "5.2.2")
STORAGE_FULL = Reply(452, "Insufficient system storage", "4.3.1")
NULL_MX = Reply(556, "The domain does not accept mail", "5.1.10")


class ServerReplies:
    """The replies with the server's own name in them, or its verbs: made once per configuration."""

    def __init__(self, hostname: str, banner: str, table: Mapping[bytes, Rule]) -> None:
        self.hostname = hostname
        self.greeting = Reply(220, f"{hostname} {banner}".rstrip())
        self.early_talk = self.named(Reply(554, "You talk before the greeting"))
        self.helo = Reply(250, hostname)
        self.quit = Reply(221, f"{hostname} closing the connection", "2.0.0")
        self.shutdown = Reply(421, f"{hostname} Service shutting down", "4.3.2")
        self.fault = Reply(421, f"{hostname} Local error in processing", "4.3.0")
        self.timeout = Reply(421, f"{hostname} Timeout", "4.4.2")
        self.full = Reply(421, f"{hostname} Too many connections", "4.3.2")
        self.full_here = Reply(421, f"{hostname} Too many connections from your address", "4.7.0")
        self.bare_newlines = Reply(421, f"{hostname} Bare CR, bare LF or NUL", "4.7.0")
        self.too_many = Reply(421, f"{hostname} Too many errors or commands", "4.7.0")
        self.too_big = Reply(421, f"{hostname} The message is far too big", "4.7.0")
        self.http = Reply(421, f"{hostname} This is no HTTP server", "4.7.0")
        self.pipelined_data = Reply(421, f"{hostname} Input behind a refused DATA", "4.7.0")
        verbs = " ".join(sorted(verb.decode() for verb, rule in table.items() if rule.enabled))
        self.help = Reply(214, ("Commands known here:", verbs, "See RFC 5321"), "2.0.0")

    def named(self, reply: Reply) -> Reply:
        """A reply as a greeting: the server's own name comes first (RFC 5321 4.3.1)."""
        if reply.lines[0].split(" ")[0] == self.hostname:
            return reply
        first, *rest = reply.lines
        return Reply(reply.code, (f"{self.hostname} {first}", *rest), reply.enhanced, close=reply.close)
