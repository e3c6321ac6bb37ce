/* SPDX-License-Identifier: MIT */
/*
 * What a sandbox sees.  The host's /usr with nothing to install, an /etc made up for it,
 * and memory with a bound for everything that is written outside of the workspace.
 *
 * A later layer (an environment's packages) is a row beside /usr; a resource is a row
 * before /workspace.
 */
#include "sandbox/mounts.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
static const char group[] = "root:x:0:\n"
			    "nogroup:x:65534:\n";
static const char hosts[] = "127.0.0.1\tlocalhost sandbox\n"
			    "::1\tlocalhost\n";
static const char nsswitch[] = "passwd: files\n"
			       "group: files\n"
			       "hosts: files dns\n"
			       "services: files\n";

const struct mount_row sandbox_mounts[] = {
	{ tree_directory, "dev" },
	{ tree_directory, "etc" },
	{ tree_directory, "mnt" },
	{ tree_directory, "opt" },
	{ tree_directory, "proc", .mode = 0555 },
	{ tree_directory, "root", .mode = 0700 },
	{ tree_directory, "run" },
	{ tree_directory, "tmp", .mode = 01777 },
	{ tree_directory, "usr" },
	{ tree_directory, "var" },
	{ tree_directory, "var/cache" },
	{ tree_directory, "var/lib" },
	{ tree_directory, "var/log" },
	{ tree_directory, "var/tmp", .mode = 01777 },
	{ tree_directory, "workspace" },
	{ tree_link, "bin", "usr/bin" },
	{ tree_link, "lib", "usr/lib" },
	{ tree_link, "lib64", "usr/lib64" },
	{ tree_link, "sbin", "usr/sbin" },
	{ tree_link, "var/run", "../run" },

	/* An overlay and not a bind, though nothing is laid over it: a socket of the host's that
	 * lies in a bound directory can be connected to, from any network namespace and through a
	 * read-only mount; through an overlay it is only a name. */
	{ tree_layer, "usr", "/usr" },

	{ tree_file, "etc/passwd", passwd },
	{ tree_file, "etc/group", group },
	{ tree_file, "etc/hosts", hosts },
	{ tree_file, "etc/hostname", "sandbox\n" },
	{ tree_file, "etc/nsswitch.conf", nsswitch },
	{ tree_file, "etc/resolv.conf", "" },
	{ tree_file, "etc/shells", "/bin/sh\n/bin/bash\n" },
	{ tree_link, "etc/mtab", "../proc/self/mounts" },
	{ tree_copy, "etc/localtime", "/etc/localtime" },
	{ tree_copy, "etc/os-release", "/etc/os-release" },
	{ tree_bind, "etc/alternatives", "/etc/alternatives" },
	{ tree_bind, "etc/ld.so.cache", "/etc/ld.so.cache" },
	{ tree_bind, "etc/mime.types", "/etc/mime.types" },
	{ tree_bind, "etc/services", "/etc/services" },
	{ tree_directory, "etc/ssl" },
	{ tree_bind, "etc/ssl/openssl.cnf", "/etc/ssl/openssl.cnf" },
	{ tree_bind, "etc/ssl/certs", "/etc/ssl/certs" },

	{ tree_tmpfs, "dev", .options = "size=64k,nr_inodes=32,mode=755" },
	{ tree_device, "dev/null", "/dev/null" },
	{ tree_device, "dev/zero", "/dev/zero" },
	{ tree_device, "dev/full", "/dev/full" },
	{ tree_device, "dev/random", "/dev/random" },
	{ tree_device, "dev/urandom", "/dev/urandom" },
	{ tree_device, "dev/tty", "/dev/tty" },
	{ tree_link, "dev/fd", "/proc/self/fd" },
	{ tree_link, "dev/stdin", "/proc/self/fd/0" },
	{ tree_link, "dev/stdout", "/proc/self/fd/1" },
	{ tree_link, "dev/stderr", "/proc/self/fd/2" },
	{ tree_link, "dev/ptmx", "pts/ptmx" },
	{ tree_directory, "dev/pts" },
	{ tree_directory, "dev/shm" },
	{ tree_freeze, "dev" },
	{ tree_terminals, "dev/pts", .options = "newinstance,ptmxmode=0666,mode=620,max=64" },
	{ tree_tmpfs, "dev/shm", .options = "size=64m,nr_inodes=4096,mode=1777" },

	/* A process sees into those only that it might trace, which the undumpable hands are not.
	 * Then settings of the kernel that are shared with the host, and windows into it: the owner
	 * of these files is nobody here, so most would refuse anyway; the mounts hold when one of
	 * them does not. */
	{ tree_proc, "proc", .options = "hidepid=1" },
	/* Of these the person has one stock for everything that runs under the same user; a sandbox
	 * gets a part.  The last is a second wall before what the filter refuses. */
	{ tree_setting, "proc/sys/user/max_inotify_instances", "32" },
	{ tree_setting, "proc/sys/user/max_inotify_watches", "32768" },
	{ tree_setting, "proc/sys/user/max_user_namespaces", "0" },
	{ tree_guard, "proc/bus" },
	{ tree_guard, "proc/fs" },
	{ tree_guard, "proc/irq" },
	{ tree_guard, "proc/sys" },
	{ tree_mask, "proc/acpi" },
	{ tree_mask, "proc/kallsyms" },
	{ tree_mask, "proc/kcore" },
	{ tree_mask, "proc/keys" },
	{ tree_mask, "proc/kmsg" },
	{ tree_mask, "proc/latency_stats" },
	{ tree_mask, "proc/scsi" },
	{ tree_mask, "proc/sysrq-trigger" },
	{ tree_mask, "proc/timer_list" },

	{ tree_tmpfs, "tmp", .options = "size=512m,nr_inodes=65536,mode=1777" },
	{ tree_workspace, "workspace" },
	{ 0 }
};
