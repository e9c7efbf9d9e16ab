/* SPDX-License-Identifier: MIT */
/* Writes messages of every type to a capture file, as a TCP connection to port 564, one a packet:
 * write-pcap FILE prints the text form of each to standard output. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "msg.h"

#define ROUNDS 8
#define MOST_BYTES 65000 /* of one packet */
#define LINKTYPE_RAW 101
#define SERVER_PORT 564
#define CLIENT_PORT 40000

struct pcap_head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, linktype;
};

struct packet_head {
	uint32_t sec, usec, captured, length;
	struct ip4 {
		uint8_t version, tos;
		uint16_t length, id, fragment;
		uint8_t ttl, protocol;
		uint16_t sum;
		uint32_t from, to;
	} ip;
	struct tcp {
		uint16_t from, to;
		uint32_t seq, ack;
		uint8_t offset, flags;
		uint16_t window, sum, urgent;
	} tcp;
};

/* Bytes sent so far by the client and by the server. */
static uint32_t sent[2] = {1, 1};

static void write_packet(FILE *f, bool request, const uint8_t *bytes, size_t n)
{
	static uint32_t packets;
	uint32_t client = htonl(0x0a000001), server = htonl(0x0a000002);
	uint32_t length = (uint32_t)(sizeof(struct ip4) + sizeof(struct tcp) + n);
	struct packet_head h = {
		.sec = packets++,
		.captured = length,
		.length = length,
		.ip = {.version = 0x45,
		       .length = htons((uint16_t)length),
		       .ttl = 64,
		       .protocol = 6,
		       .from = request ? client : server,
		       .to = request ? server : client},
		.tcp = {.from = htons(request ? CLIENT_PORT : SERVER_PORT),
			.to = htons(request ? SERVER_PORT : CLIENT_PORT),
			.seq = htonl(sent[!request]),
			.ack = htonl(sent[request]),
			.offset = 0x50,
			.flags = 0x18,
			.window = htons(65535)},
	};

	sent[!request] += (uint32_t)n;
	fwrite(&h, sizeof(h), 1, f);
	fwrite(bytes, n, 1, f);
}

static void write_message(FILE *f, const struct msg *m)
{
	static uint8_t bytes[MOST_BYTES];
	size_t n;

	if (msg_encode(m, bytes, sizeof(bytes), &n))
		abort();
	write_packet(f, msg_is_request(m->type), bytes, n);
	msg_print(stdout, m);
	putchar('\n');
}

/* The dissector remembers the version that the server chose. */
static void write_version(FILE *f)
{
	struct msg m = {.type = Tversion, .tag = P9_NOTAG};

	m.Tversion.msize = 65536;
	m.Tversion.version = str_of(P9_VERSION, strlen(P9_VERSION));
	write_message(f, &m);
	m.type = Rversion;
	write_message(f, &m);
}

static void write_random(FILE *f, uint8_t type, uint64_t seed)
{
	static char scratch[MSG_RANDOM_SCRATCH];
	struct msg m;

	if (type == Tversion || type == Rversion)
		return;
	msg_random(type, seed, scratch, &m);
	/* Strings and data become letters: tshark's XML is broken by control characters. */
	for (size_t i = 0; i < sizeof(scratch); i++)
		scratch[i] = (char)('a' + (uint8_t)scratch[i] % 26);
	write_message(f, &m);
}

int main(int argc, char **argv)
{
	const struct pcap_head head = {0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, LINKTYPE_RAW};
	autofclose FILE *f = argc == 2 ? fopen(argv[1], "we") : NULL;

	if (!f)
		return 2;
	fwrite(&head, sizeof(head), 1, f);
	write_version(f);
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
#define M(number, Name) write_random(f, Name, seed);
		WIRE_MESSAGES(M)
#undef M
	}
	return fflush(f) || ferror(f);
}
