"""The PROXY header: what is read, what is refused, and that no cutting makes a difference (T-PROXY)."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings

from smtpcore.errors import LocalProtocolError, ParseError
from smtpcore.proxy import LEAST_HEADER, ProxyEndpoint, ProxyHeader, ProxyReader, ProxySsl, SslClient, TlvType
from smtpcore.proxy.crc32c import crc32c
from tests import proxying
from tests.feeding import cuttings, read_alike
from tests.proxying import BINARY, LINE, SIGNATURE, TCP4, TCP6, binary, inet, line, ssl, summed, tlv, unix

SOURCE = ProxyEndpoint("203.0.113.9", 51000)
DESTINATION = ProxyEndpoint("192.0.2.25", 25)


def feed(pieces: list[bytes], max_header: int = 4096) -> tuple[ProxyHeader | str | None, bytes]:
    """What a reader makes of the pieces: header, fault or nothing yet; and what is left over."""
    reader = ProxyReader(max_header)
    for count, piece in enumerate(pieces, 1):
        try:
            header = reader.feed(piece)
        except ParseError as error:
            with pytest.raises(ParseError, match=str(error)):
                reader.feed(b"more")
            assert reader.header is None
            assert reader.rest == b""
            return str(error), b""
        if header is not None:
            assert reader.header is header
            return header, reader.rest + b"".join(pieces[count:])
    return None, reader.rest


def read(data: bytes) -> ProxyHeader:
    """A good header, in every cutting, alone and with SMTP and TLS behind it."""
    header = read_alike(feed, data, b"EHLO client.example\r\n")
    assert read_alike(feed, data, b"\x16\x03\x01\x02\0\x01") == header
    assert isinstance(header, ProxyHeader)
    return header


def refused(data: bytes) -> str:
    """A fault, the same in every cutting and whatever comes behind."""
    fault, _ = feed([data])
    assert isinstance(fault, str), f"{fault} came of what must be refused"
    assert fault not in {"", "None"}, "nothing is said of what is wrong"
    for tail in (b"", b"\r\nEHLO client.example\r\n"):
        for pieces in cuttings(data + tail):
            assert feed(pieces)[0] == fault, f"something else when cut as {pieces!r}"
    return fault


# Version 1.


def test_a_line_names_both_ends() -> None:
    assert read(LINE) == ProxyHeader(1, source=SOURCE, destination=DESTINATION)


def test_a_line_for_ipv6() -> None:
    header = read(b"PROXY TCP6 2001:DB8:0:0::9 ::1 0 65535\r\n")
    assert header == ProxyHeader(1, source=ProxyEndpoint("2001:db8::9", 0), destination=ProxyEndpoint("::1", 65535))


@pytest.mark.parametrize(
    "data",
    [
        line("255.255.255.255", "255.255.255.255", 65535, 65535),
        line(":".join(["ffff"] * 8), ":".join(["ffff"] * 8), 65535, 65535),
        b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",
    ],
    ids=["56 octets", "104 octets", "107 octets"],
)
def test_the_longest_lines_are_read(data: bytes) -> None:
    assert len(data) in (56, 104, 107)
    assert read(data).version == 1


def test_an_ipv4_address_within_ipv6_is_the_ipv4_address() -> None:
    # So print haproxy and nginx a client of an IPv6 socket that came by IPv4.
    header = read(b"PROXY TCP6 ::ffff:203.0.113.9 ::FFFF:c000:219 51000 25\r\n")
    assert (header.source, header.destination) == (SOURCE, DESTINATION)


@pytest.mark.conformance("C307")
@pytest.mark.parametrize(
    "data",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN \r\n",
        b"PROXY UNKNOWN ffff:f:f::f 1.2.3.4 99999 no\r\n",
        b"PROXY UNKNOWN \0\r\xff\r\r\n",
    ],
)
def test_unknown_names_nobody_and_the_rest_of_its_line_is_ignored(data: bytes) -> None:
    assert read(data) == ProxyHeader(1)


@pytest.mark.conformance("C305")
@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize(
    "data",
    [
        LINE[:-2] + b"\n",
        LINE[:-2] + b"\n\r\n",
        b"PROXY UNKNOWN\n",
        b"PROXY UNKNOWN x\nEHLO y\r\n",
        LINE[:-2] + b"\r \n",
    ],
)
def test_only_crlf_ends_a_line(data: bytes) -> None:
    assert refused(data) == "the PROXY line does not end with CRLF"


@pytest.mark.conformance("C305")
@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize("data", [b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", b"PROXY " + b"x" * 10_000])
def test_a_line_of_108_octets_is_too_long(data: bytes) -> None:
    whole, _ = feed([data])
    assert whole == "the PROXY line is too long"
    assert feed([data[:106]]) == (None, b"")
    assert feed([data[i : i + 1] for i in range(107)])[0] == whole


@pytest.mark.conformance("C306")
@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize(
    "text",
    [
        "TCP4 203.0.113.09 192.0.2.25 51000 25",
        "TCP4 203.0.113.0x9 192.0.2.25 51000 25",
        "TCP4 203.0.113.256 192.0.2.25 51000 25",
        "TCP4 203.0.113 192.0.2.25 51000 25",
        "TCP4 203.0.113.9.1 192.0.2.25 51000 25",
        "TCP4 203.0.113.9 192.0.2.25 051000 25",
        "TCP4 203.0.113.9 192.0.2.25 51000 00",
        "TCP4 203.0.113.9 192.0.2.25 +1 25",
        "TCP4 203.0.113.9 192.0.2.25 -1 25",
        "TCP4 203.0.113.9 192.0.2.25 1_0 25",
        "TCP4 203.0.113.9 192.0.2.25 65536 25",
        "TCP4 203.0.113.9 192.0.2.25 51000 99999999999",
        "TCP4 203.0.113.9 192.0.2.25 51000 25\0",
        "TCP4 203.0.113.9 192.0.2.25 51000 25\r",
        "TCP4 203.0.113.9 192.0.2.25 51000 25 ",
        "TCP4 203.0.113.9 192.0.2.25 51000 25 1",
        "TCP4 203.0.113.9 192.0.2.25 51000",
        "TCP4  203.0.113.9 192.0.2.25 51000 25",
        "TCP4\t203.0.113.9 192.0.2.25 51000 25",
        "TCP4 203.0.113.9\0 192.0.2.25 51000 25",
        "TCP4 2001:db8::9 2001:db8::25 51000 25",
        "TCP4 203.0.113.9 ::1 51000 25",
        "TCP4 mx.example.org 192.0.2.25 51000 25",
        "TCP6 203.0.113.9 192.0.2.25 51000 25",
        "TCP6 fe80::1%eth0 2001:db8::25 51000 25",
        "TCP6 [2001:db8::9] 2001:db8::25 51000 25",
        "TCP6 2001::db8::9 2001:db8::25 51000 25",
        "TCP6 2001:0db80::9 2001:db8::25 51000 25",
        "TCP6 1:2:3:4:5:6:7 2001:db8::25 51000 25",
        "TCP6 1:2:3:4:5:6:7:8:9 2001:db8::25 51000 25",
        "TCP6 ::ffff:203.0.113.09 2001:db8::25 51000 25",
        "TCP5 203.0.113.9 192.0.2.25 51000 25",
        "UDP4 203.0.113.9 192.0.2.25 51000 25",
        "tcp4 203.0.113.9 192.0.2.25 51000 25",
        "UNKNOWNS",
        "unknown",
        "",
        " UNKNOWN",
    ],
)
def test_a_line_that_is_not_written_as_it_has_to_be_is_refused(text: str) -> None:
    refused(f"PROXY {text}\r\n".encode("latin-1"))


@pytest.mark.threat("T-PY")
def test_digits_of_other_scripts_are_no_digits() -> None:
    refused("PROXY TCP4 203.0.113.9 192.0.2.25 5100\u0660 25\r\n".encode())


# What it is.


@pytest.mark.conformance("C311")
@pytest.mark.parametrize(
    "data",
    [b"EHLO x\r\n", b"\n", b"\0", b"p", b"Q", b" PROXY", b"\x16\x03\x01", b"PX", b"PROXY\r", b"\r\r", b"\r\nQUIT"],
)
def test_what_is_no_header_is_refused_at_its_first_octet_that_does_not_fit(data: bytes) -> None:
    assert refused(data) == "not a PROXY header"


@pytest.mark.parametrize("at", range(12))
def test_each_octet_of_the_signature_counts(at: int) -> None:
    assert feed([SIGNATURE[:at]]) == (None, b"")
    broken = SIGNATURE[:at] + bytes((SIGNATURE[at] ^ 1,))
    assert refused(broken) == "not a PROXY header"


def test_nothing_is_decided_before_there_is_an_octet() -> None:
    assert feed([b"", b""]) == (None, b"")


def test_any_buffer_may_be_fed() -> None:
    reader = ProxyReader()
    assert reader.feed(bytearray(BINARY[:20])) is None
    assert reader.feed(memoryview(BINARY[20:] + b"EHLO")) is not None
    assert reader.rest == b"EHLO"


def test_nothing_is_fed_behind_a_header() -> None:
    reader = ProxyReader()
    reader.feed(LINE)
    with pytest.raises(LocalProtocolError, match="is complete"):
        reader.feed(LINE)
    assert reader.rest == b""


# Version 2.


def test_a_binary_header_names_both_ends() -> None:
    assert read(BINARY) == ProxyHeader(2, source=SOURCE, destination=DESTINATION)


def test_a_binary_header_for_ipv6() -> None:
    header = read(binary(0x21, TCP6))
    assert header.source == ProxyEndpoint("2001:db8::9", 51000)
    assert header.destination == ProxyEndpoint("2001:db8::25", 25)


def test_a_binary_ipv4_address_within_ipv6_is_the_ipv4_address() -> None:
    header = read(binary(0x21, inet("::ffff:203.0.113.9", "::ffff:192.0.2.25", 51000, 25)))
    assert (header.source, header.destination) == (SOURCE, DESTINATION)


def test_a_binary_header_for_unix_sockets() -> None:
    header = read(binary(0x31, unix(b"/run/client", b"/run/smtp.sock")))
    assert (header.source, header.destination) == (b"/run/client", b"/run/smtp.sock")


def test_paths_end_at_their_nul_and_abstract_names_begin_with_one() -> None:
    header = read(binary(0x31, unix(b"\0ab\0c", b"/run/x\0junk")))
    assert (header.source, header.destination) == (b"\0ab\0c", b"/run/x")
    header = read(binary(0x31, unix(b"\0X", b"/X")))
    assert (header.source, header.destination) == (b"\0X", b"/X")
    header = read(binary(0x31, unix(b"", b"/" * 108)))
    assert (header.source, header.destination) == (b"", b"/" * 108)


@pytest.mark.conformance("C309")
@pytest.mark.parametrize(
    "data",
    [
        binary(0x00, b"", command=0x20),
        binary(0x11, TCP4, command=0x20),
        binary(0x11, b"\xff", command=0x20),
        binary(0xFF, b"whatever", command=0x20),
    ],
)
def test_local_names_nobody_and_its_block_is_skipped(data: bytes) -> None:
    assert read(data) == ProxyHeader(2, local=True)


@pytest.mark.parametrize("block", [b"", b"\xff\xff\xff\xff", TCP4, tlv(0x03, b"bad!")])
def test_unspec_names_nobody_and_its_block_is_skipped(block: bytes) -> None:
    assert read(binary(0x00, block)) == ProxyHeader(2)


@pytest.mark.conformance("C310")
@pytest.mark.parametrize("command", [0x00, 0x01, 0x10, 0x11, 0x22, 0x2F, 0x30, 0x31, 0xFF])
def test_another_version_or_command_is_refused_at_once(command: int) -> None:
    assert "nobody knows" in refused(SIGNATURE + bytes((command,)))


@pytest.mark.conformance("C310")
@pytest.mark.parametrize("family", sorted(set(range(256)) - {0x00, 0x11, 0x21, 0x31}))
def test_another_family_or_protocol_is_refused_at_once(family: int) -> None:
    assert "something else" in refused(SIGNATURE + bytes((0x21, family)))


@pytest.mark.conformance("C310")
@pytest.mark.parametrize(("family", "size"), [(0x11, 12), (0x21, 36), (0x31, 216)])
def test_a_block_that_is_too_short_for_its_addresses_is_refused_before_it_comes(family: int, size: int) -> None:
    assert "too short" in refused(binary(family, b"", length=size - 1))
    assert feed([binary(family, b"", length=size)]) == (None, b"")


@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize("command", [0x20, 0x21])
def test_a_header_over_the_limit_is_refused_before_it_comes(command: int) -> None:
    assert refused(binary(0x11, b"", command=command, length=65535)) == "the PROXY header is too long"
    assert "too long" in refused(binary(0x11, b"", command=command, length=4096 - 15))
    assert feed([binary(0x11, b"", command=command, length=4096 - 16)]) == (None, b"")


def test_the_limit_can_be_set() -> None:
    padded = binary(0x11, TCP4 + tlv(0xEE, bytes(65535 - 12 - 3)))
    assert isinstance(feed([padded], 65551)[0], ProxyHeader)
    assert feed([padded], 65550)[0] == "the PROXY header is too long"
    paths = binary(0x31, unix(b"/a", b"/b"))
    assert isinstance(feed([paths], LEAST_HEADER)[0], ProxyHeader)
    with pytest.raises(ValueError, match="232"):
        ProxyReader(LEAST_HEADER - 1)


# Additional fields.


@pytest.mark.conformance("C308")
def test_all_fields_are_read_and_skipped_exactly() -> None:
    fields = [
        tlv(0x01, b"smtp"),
        tlv(0x02, b"mx.example.org"),
        tlv(0x04, bytes(9)),
        tlv(0x05, b"\x01\xff"),
        ssl(
            0x03,
            0,
            tlv(0x21, b"TLSv1.3"),
            tlv(0x22, "Zo\u00eb".encode()),
            tlv(0x23, b"TLS_AES_256_GCM_SHA384"),
            tlv(0x24, b"SHA256"),
            tlv(0x25, b"RSA2048"),
            tlv(0x99, b"?"),
        ),
        tlv(0x30, b"blue"),
        tlv(0xEA, b"vpce-1"),
        tlv(0xEA, b""),
        tlv(0x04, b""),
    ]
    header = read(summed(0x11, TCP4, *fields))
    assert (header.source, header.destination) == (SOURCE, DESTINATION)
    assert (header.authority, header.alpn, header.unique_id, header.netns) == (
        "mx.example.org",
        b"smtp",
        b"\x01\xff",
        "blue",
    )
    assert header.ssl == ProxySsl(
        SslClient.SSL | SslClient.CERT_CONN,
        0,
        version="TLSv1.3",
        cn="Zo\u00eb",
        cipher="TLS_AES_256_GCM_SHA384",
        sig_alg="SHA256",
        key_alg="RSA2048",
        tlvs=(
            (0x21, b"TLSv1.3"),
            (0x22, "Zo\u00eb".encode()),
            (0x23, b"TLS_AES_256_GCM_SHA384"),
            (0x24, b"SHA256"),
            (0x25, b"RSA2048"),
            (0x99, b"?"),
        ),
    )
    assert [kind for kind, _ in header.tlvs] == [3, 1, 2, 4, 5, 0x20, 0x30, 0xEA, 0xEA, 4]
    assert header.tlvs[-3:] == ((0xEA, b"vpce-1"), (0xEA, b""), (TlvType.NOOP, b""))


def test_fields_may_stand_behind_any_addresses() -> None:
    assert read(summed(0x21, TCP6, tlv(0x02, b"a.example"))).authority == "a.example"
    assert read(summed(0x31, unix(b"/a", b"/b"), tlv(0x02, b"a.example"))).authority == "a.example"


@pytest.mark.parametrize(
    ("flags", "verify", "verified"),
    [(0x03, 0, True), (0x05, 0, True), (0x01, 0, False), (0x03, 1, False), (0x03, 0xFFFFFFFF, False), (0xF9, 0, False)],
)
def test_a_client_is_verified_if_it_showed_a_certificate_that_holds(flags: int, verify: int, verified: bool) -> None:
    header = read(binary(0x11, TCP4 + ssl(flags, verify)))
    assert header.ssl is not None
    assert (header.ssl.client, header.ssl.verify, header.ssl.verified) == (flags, verify, verified)
    assert (header.ssl.version, header.ssl.cn, header.ssl.tlvs) == (None, None, ())


@pytest.mark.parametrize(
    "value", [b"", b"a\r\nb", b"a\0", b"\xff", b"\xed\xa0\x80", "a\u202eb".encode(), b"\x1b[31m", "a\u2028".encode()]
)
def test_text_that_could_do_harm_is_not_given_as_text(value: bytes) -> None:
    header = read(binary(0x11, TCP4 + tlv(0x02, value) + tlv(0x30, value) + ssl(3, 0, tlv(0x22, value))))
    assert header.ssl is not None
    assert (header.authority, header.netns, header.ssl.cn) == (None, None, None)
    assert header.tlvs[:2] == ((0x02, value), (0x30, value))
    assert header.ssl.tlvs == ((0x22, value),)


@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize(
    "fields",
    [
        b"\xea",
        b"\xea\0",
        b"\xea\0\x01",
        b"\xea\xff\xff",
        tlv(0x02, b"ok") + b"\x05\0\x09x",
        ssl(1, 0, b"\x21"),
        ssl(1, 0, b"\x21\0\x08TLSv1.3"),
        tlv(0x20, b"\x01\0\0\0\0" + b"\x21\xff\xff"),
    ],
)
def test_a_field_that_runs_past_its_header_is_refused(fields: bytes) -> None:
    assert "runs past" in refused(binary(0x11, TCP4 + fields))


@pytest.mark.parametrize(
    "field", [tlv(0x01, b"h2"), tlv(0x02, b"a.example"), tlv(0x05, b"1"), ssl(1, 0), tlv(0x30, b"x")]
)
def test_a_field_with_one_value_is_there_once(field: bytes) -> None:
    assert "twice" in refused(binary(0x11, TCP4 + field + tlv(0x04, b"") + field))
    assert "twice" in refused(binary(0x11, TCP4 + ssl(1, 0, tlv(0x21, b"a"), tlv(0x21, b"b"))))


@pytest.mark.parametrize("size", [0, 1, 4])
def test_an_ssl_field_without_its_flags_is_refused(size: int) -> None:
    assert "too short" in refused(binary(0x11, TCP4 + tlv(0x20, bytes(size))))


def test_a_unique_id_has_128_octets_at_most() -> None:
    assert read(binary(0x11, TCP4 + tlv(0x05, b"i" * 128))).unique_id == b"i" * 128
    assert "unique id" in refused(binary(0x11, TCP4 + tlv(0x05, b"i" * 129)))


# The checksum.


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # RFC 3720 B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_the_checksum_of_known_octets(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected == proxying.crc32c(data)


@given(st.binary(max_size=300))
def test_the_checksum_is_the_one_of_its_definition(data: bytes) -> None:
    assert crc32c(data) == proxying.crc32c(data)


def test_a_changed_octet_anywhere_breaks_the_checksum() -> None:
    good = summed(0x11, TCP4, tlv(0x02, b"mx.example.org"), tlv(0x05, b"1"))
    # Family and length in front have refusals of their own; and what is no checksum field any more is not compared.
    for at in {*range(16, len(good))} - {28}:
        broken = bytearray(good)
        broken[at] ^= 0x10
        assert isinstance(feed([bytes(broken)])[0], str), f"octet {at}"


@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize("value", [b"", b"abc", b"abcd", b"abcde"])
def test_a_checksum_that_does_not_match_is_refused(value: bytes) -> None:
    assert "checksum" in refused(binary(0x11, TCP4 + tlv(0x03, value)))


def test_a_field_that_follows_is_part_of_what_is_summed() -> None:
    good = summed(0x11, TCP4, tlv(0x02, b"a.example"))
    assert "checksum" in refused(good.replace(b"a.example", b"b.example"))
    assert "checksum" in refused(good.replace(TCP4, inet("203.0.113.8", "192.0.2.25", 51000, 25)))


# Properties.

ports = st.integers(0, 65535)
endpoints4 = st.builds(ProxyEndpoint.of, st.builds(IPv4Address, st.integers(0, 2**32 - 1)), ports)
endpoints6 = st.builds(ProxyEndpoint.of, st.builds(IPv6Address, st.integers(2**48, 2**128 - 1)), ports)
pairs = st.tuples(endpoints4, endpoints4) | st.tuples(endpoints6, endpoints6)
others = st.lists(st.tuples(st.integers(0x60, 0xFF), st.binary(max_size=40)), max_size=5)


@given(pairs, chunkings(), st.binary(max_size=40))
def test_every_line_that_is_written_is_read(
    ends: tuple[ProxyEndpoint, ProxyEndpoint], cut: Chunking, tail: bytes
) -> None:
    source, destination = ends
    data = line(source.host, destination.host, source.port, destination.port)
    assert feed(cut(data + tail)) == (ProxyHeader(1, source=source, destination=destination), tail)


@given(pairs, others, chunkings(), st.binary(max_size=40))
def test_every_binary_header_that_is_written_is_read(
    ends: tuple[ProxyEndpoint, ProxyEndpoint], fields: list[tuple[int, bytes]], cut: Chunking, tail: bytes
) -> None:
    source, destination = ends
    block = inet(source.host, destination.host, source.port, destination.port)
    family = 0x21 if ":" in source.host else 0x11
    header, rest = feed(cut(summed(family, block, *(tlv(*each) for each in fields)) + tail))
    assert isinstance(header, ProxyHeader)
    assert (header.source, header.destination, header.tlvs[1:]) == (source, destination, tuple(fields))
    assert rest == tail


mangled = st.tuples(
    st.sampled_from([LINE, BINARY, binary(0x21, TCP6), summed(0x11, TCP4, ssl(3, 0, tlv(0x22, b"cn")), tlv(2, b"a"))]),
    st.integers(0, 120),
    st.binary(max_size=4),
).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + len(parts[2]) :])
hostile = st.binary(max_size=200) | st.binary(max_size=200).map(SIGNATURE.__add__) | mangled


@given(hostile, chunkings())
@example(binary(0x11, TCP4, length=65535), Chunking((1,)))
def test_whatever_comes_is_a_header_a_fault_or_not_enough_however_it_is_cut(data: bytes, cut: Chunking) -> None:
    outcome, rest = feed([data])
    assert feed(cut(data)) == (outcome, rest)
    assert feed([data[i : i + 1] for i in range(len(data))]) == (outcome, rest)
    if isinstance(outcome, ProxyHeader):
        assert data.endswith(rest)


def test_a_header_has_4096_octets_at_most_unless_the_reader_is_told_otherwise() -> None:
    room = 4096 - len(binary(0x11, TCP4 + tlv(0xEE, b"")))
    assert ProxyReader().feed(binary(0x11, TCP4 + tlv(0xEE, bytes(room)))) is not None
    with pytest.raises(ParseError, match="too long"):
        ProxyReader().feed(binary(0x11, TCP4 + tlv(0xEE, bytes(room + 1))))


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 3000])
def test_a_field_is_as_long_as_both_octets_of_its_length_say(length: int) -> None:
    header, rest = feed([binary(0x11, TCP4 + tlv(0xEE, b"x" * length) + tlv(0xEF, b"y"))])
    assert isinstance(header, ProxyHeader)
    assert header.tlvs == ((0xEE, b"x" * length), (0xEF, b"y"))
    assert rest == b""


def test_a_long_header_octet_by_octet_costs_no_more_than_its_length() -> None:
    data = binary(0x11, TCP4 + tlv(0xEE, bytes(65000)))
    begun = time.perf_counter()
    assert isinstance(feed([data[i : i + 1] for i in range(len(data))], 65551)[0], ProxyHeader)
    # Copying what is there for each octet would be 2 GB.
    assert time.perf_counter() - begun < 5
