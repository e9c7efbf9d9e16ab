/* SPDX-License-Identifier: MIT */
/* THE table of what a running server counts: a row each. The text for Prometheus, the JSON of
 * `serve --stats` and `--metrics`, and what `warren top` reads are expansions of it. */
#ifndef METRICS_METRIC_TABLE_H
#define METRICS_METRIC_TABLE_H

/* M(identifier, kind, key in JSON, its unit, name for Prometheus, its unit, help).
 * A COUNTER only grows, a GAUGE is what is now. A unit is what the number is multiplied by. */
#define METRICS(M)                                                                           \
	M(BYTES_READ, COUNTER, "bytes_read", 1, "read_bytes_total", 1,                       \
	  "File data sent to clients.")                                                      \
	M(BYTES_WRITTEN, COUNTER, "bytes_written", 1, "written_bytes_total", 1,              \
	  "File data taken from clients.")                                                   \
	M(BYTES_SPLICED, COUNTER, "bytes_spliced", 1, "spliced_bytes_total", 1,              \
	  "Of the file data sent, what went to a socket without a copy.")                    \
	M(SESSIONS, COUNTER, "sessions", 1, "sessions_total", 1, "Clients that came.")       \
	M(CONNECTIONS, GAUGE, "connections", 1, "connections", 1, "Clients that are here.")  \
	M(DEFERRED, COUNTER, "deferred", 1, "deferred_total", 1,                             \
	  "Requests that went to a worker, because they might have had to wait.")            \
	M(IN_FLIGHT, GAUGE, "in_flight", 1, "requests_in_flight", 1,                         \
	  "Requests that wait for a worker, run there, or wait for another request.")        \
	M(QUEUED, GAUGE, "queued", 1, "requests_queued", 1, "Those that wait for a worker.") \
	M(RUNNING, GAUGE, "running", 1, "requests_running", 1, "Those that run in one.")     \
	M(WORKERS, GAUGE, "workers", 1, "workers", 1, "Threads for requests that wait.")     \
	M(FIDS, GAUGE, "fids", 1, "fids", 1, "Fids of all clients.")                         \
	M(NODE_FDS, GAUGE, "node_fds", 1, "node_descriptors", 1,                             \
	  "Descriptors of files that fids have walked to.")                                  \
	M(OPEN_FILES, GAUGE, "open_files", 1, "open_files", 1,                               \
	  "Descriptors of files that are open, and of their locks.")                         \
	M(PEAK_RSS, GAUGE, "peak_rss_kib", 1, "peak_memory_bytes", 1024,                     \
	  "The most memory that the server ever had.")                                       \
	M(CPU_USER, COUNTER, "cpu_user_s", 1e-6, "cpu_user_seconds_total", 1e-6,             \
	  "Processor time in the program.")                                                  \
	M(CPU_SYSTEM, COUNTER, "cpu_system_s", 1e-6, "cpu_system_seconds_total", 1e-6,       \
	  "Processor time in the kernel.")                                                   \
	M(UPTIME, GAUGE, "uptime_s", 1e-6, "uptime_seconds", 1e-6, "Since the server began.")

/* B(identifier, name, help): what a peer can make grow, and how far. Of those that each client has,
 * USED is that of the client that uses most. */
#define METRIC_BUDGETS(B)                                                       \
	B(FIDS, "fids", "fids of a client")                                     \
	B(REQUESTS, "requests", "requests of a client in flight")               \
	B(REQUEST_BYTES, "request_bytes", "memory of these")                    \
	B(XATTR_BYTES, "xattr_bytes", "extended attributes of a client's fids") \
	B(NODE_FDS, "node_fds", "descriptors of files that fids walked to")     \
	B(OPEN_FILES, "open_files", "descriptors of open files and locks")

#endif
