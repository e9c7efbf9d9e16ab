/* SPDX-License-Identifier: MIT */
/* THE table of the messages of 9P2000.L: one row each, M(number, name), and the message's fields in
 * the order of the wire, F(kind, name). All else (structs, decoding, encoding, printing, parsing,
 * comparing, random fill) is an expansion of this file.
 *
 * Kinds: u8 u16 u32 u64, oct32 (a mode, printed in octal), hex32 hex64 (bits, in hexadecimal),
 * str, name (a str that is one component of a path), names, qid, qids, data.
 */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#define WIRE_MESSAGES(M)    \
	M(7, Rlerror)       \
	M(8, Tstatfs)       \
	M(9, Rstatfs)       \
	M(12, Tlopen)       \
	M(13, Rlopen)       \
	M(14, Tlcreate)     \
	M(15, Rlcreate)     \
	M(16, Tsymlink)     \
	M(17, Rsymlink)     \
	M(18, Tmknod)       \
	M(19, Rmknod)       \
	M(20, Trename)      \
	M(21, Rrename)      \
	M(22, Treadlink)    \
	M(23, Rreadlink)    \
	M(24, Tgetattr)     \
	M(25, Rgetattr)     \
	M(26, Tsetattr)     \
	M(27, Rsetattr)     \
	M(30, Txattrwalk)   \
	M(31, Rxattrwalk)   \
	M(32, Txattrcreate) \
	M(33, Rxattrcreate) \
	M(40, Treaddir)     \
	M(41, Rreaddir)     \
	M(50, Tfsync)       \
	M(51, Rfsync)       \
	M(52, Tlock)        \
	M(53, Rlock)        \
	M(54, Tgetlock)     \
	M(55, Rgetlock)     \
	M(70, Tlink)        \
	M(71, Rlink)        \
	M(72, Tmkdir)       \
	M(73, Rmkdir)       \
	M(74, Trenameat)    \
	M(75, Rrenameat)    \
	M(76, Tunlinkat)    \
	M(77, Runlinkat)    \
	M(100, Tversion)    \
	M(101, Rversion)    \
	M(102, Tauth)       \
	M(103, Rauth)       \
	M(104, Tattach)     \
	M(105, Rattach)     \
	M(108, Tflush)      \
	M(109, Rflush)      \
	M(110, Twalk)       \
	M(111, Rwalk)       \
	M(116, Tread)       \
	M(117, Rread)       \
	M(118, Twrite)      \
	M(119, Rwrite)      \
	M(120, Tclunk)      \
	M(121, Rclunk)      \
	M(122, Tremove)     \
	M(123, Rremove)

#define FIELDS_Rlerror(F) F(u32, ecode)
#define FIELDS_Tstatfs(F) F(u32, fid)
#define FIELDS_Rstatfs(F) \
	F(hex32, type)    \
	F(u32, bsize)     \
	F(u64, blocks)    \
	F(u64, bfree)     \
	F(u64, bavail)    \
	F(u64, files)     \
	F(u64, ffree)     \
	F(hex64, fsid)    \
	F(u32, namelen)
#define FIELDS_Tlopen(F) F(u32, fid) F(hex32, flags)
#define FIELDS_Rlopen(F) F(qid, qid) F(u32, iounit)
#define FIELDS_Tlcreate(F) F(u32, fid) F(name, name) F(hex32, flags) F(oct32, mode) F(u32, gid)
#define FIELDS_Rlcreate(F) F(qid, qid) F(u32, iounit)
#define FIELDS_Tsymlink(F) F(u32, fid) F(name, name) F(str, symtgt) F(u32, gid)
#define FIELDS_Rsymlink(F) F(qid, qid)
#define FIELDS_Tmknod(F) \
	F(u32, dfid) F(name, name) F(oct32, mode) F(u32, major) F(u32, minor) F(u32, gid)
#define FIELDS_Rmknod(F) F(qid, qid)
#define FIELDS_Trename(F) F(u32, fid) F(u32, dfid) F(name, name)
#define FIELDS_Rrename(F)
#define FIELDS_Treadlink(F) F(u32, fid)
#define FIELDS_Rreadlink(F) F(str, target)
#define FIELDS_Tgetattr(F) F(u32, fid) F(hex64, request_mask)
#define FIELDS_Rgetattr(F) \
	F(hex64, valid)    \
	F(qid, qid)        \
	F(oct32, mode)     \
	F(u32, uid)        \
	F(u32, gid)        \
	F(u64, nlink)      \
	F(hex64, rdev)     \
	F(u64, size)       \
	F(u64, blksize)    \
	F(u64, blocks)     \
	F(u64, atime_sec)  \
	F(u64, atime_nsec) \
	F(u64, mtime_sec)  \
	F(u64, mtime_nsec) \
	F(u64, ctime_sec)  \
	F(u64, ctime_nsec) \
	F(u64, btime_sec)  \
	F(u64, btime_nsec) \
	F(u64, gen)        \
	F(u64, data_version)
#define FIELDS_Tsetattr(F) \
	F(u32, fid)        \
	F(hex32, valid)    \
	F(oct32, mode)     \
	F(u32, uid)        \
	F(u32, gid)        \
	F(u64, size)       \
	F(u64, atime_sec)  \
	F(u64, atime_nsec) \
	F(u64, mtime_sec)  \
	F(u64, mtime_nsec)
#define FIELDS_Rsetattr(F)
#define FIELDS_Txattrwalk(F) F(u32, fid) F(u32, newfid) F(str, name)
#define FIELDS_Rxattrwalk(F) F(u64, size)
#define FIELDS_Txattrcreate(F) F(u32, fid) F(str, name) F(u64, attr_size) F(hex32, flags)
#define FIELDS_Rxattrcreate(F)
#define FIELDS_Treaddir(F) F(u32, fid) F(u64, offset) F(u32, count)
#define FIELDS_Rreaddir(F) F(data, data)
#define FIELDS_Tfsync(F) F(u32, fid) F(u32, datasync)
#define FIELDS_Rfsync(F)
#define FIELDS_Tlock(F) \
	F(u32, fid)     \
	F(u8, type)     \
	F(hex32, flags) \
	F(u64, start)   \
	F(u64, length)  \
	F(u32, proc_id) \
	F(str, client_id)
#define FIELDS_Rlock(F) F(u8, status)
#define FIELDS_Tgetlock(F) \
	F(u32, fid) F(u8, type) F(u64, start) F(u64, length) F(u32, proc_id) F(str, client_id)
#define FIELDS_Rgetlock(F) \
	F(u8, type) F(u64, start) F(u64, length) F(u32, proc_id) F(str, client_id)
#define FIELDS_Tlink(F) F(u32, dfid) F(u32, fid) F(name, name)
#define FIELDS_Rlink(F)
#define FIELDS_Tmkdir(F) F(u32, dfid) F(name, name) F(oct32, mode) F(u32, gid)
#define FIELDS_Rmkdir(F) F(qid, qid)
#define FIELDS_Trenameat(F) F(u32, olddirfid) F(name, oldname) F(u32, newdirfid) F(name, newname)
#define FIELDS_Rrenameat(F)
#define FIELDS_Tunlinkat(F) F(u32, dirfd) F(name, name) F(hex32, flags)
#define FIELDS_Runlinkat(F)
#define FIELDS_Tversion(F) F(u32, msize) F(str, version)
#define FIELDS_Rversion(F) F(u32, msize) F(str, version)
#define FIELDS_Tauth(F) F(u32, afid) F(str, uname) F(str, aname) F(u32, n_uname)
#define FIELDS_Rauth(F) F(qid, aqid)
#define FIELDS_Tattach(F) F(u32, fid) F(u32, afid) F(str, uname) F(str, aname) F(u32, n_uname)
#define FIELDS_Rattach(F) F(qid, qid)
#define FIELDS_Tflush(F) F(u16, oldtag)
#define FIELDS_Rflush(F)
#define FIELDS_Twalk(F) F(u32, fid) F(u32, newfid) F(names, wname)
#define FIELDS_Rwalk(F) F(qids, wqid)
#define FIELDS_Tread(F) F(u32, fid) F(u64, offset) F(u32, count)
#define FIELDS_Rread(F) F(data, data)
#define FIELDS_Twrite(F) F(u32, fid) F(u64, offset) F(data, data)
#define FIELDS_Rwrite(F) F(u32, count)
#define FIELDS_Tclunk(F) F(u32, fid)
#define FIELDS_Rclunk(F)
#define FIELDS_Tremove(F) F(u32, fid)
#define FIELDS_Rremove(F)

#endif
