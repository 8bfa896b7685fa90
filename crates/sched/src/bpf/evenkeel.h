/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the scheduler in the kernel and the program that loads it share: constants, and the layout
 * of every map value, trace record and argument. The build turns this file into Rust (build.rs), so
 * that there is one definition. Hence its grammar: "#define EK_NAME number" and structs of fixed-width
 * fields (ek_lock is a u32 that only the kernel touches), arrays of them, and structs defined above.
 * No implicit padding.
 *
 * Times are in nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef EVENKEEL_H
#define EVENKEEL_H

/* Changes whenever a layout below changes: maps of another layout are not taken over. */
#define EK_ABI 2

/* Servers of one CPU. A power of two, so that an index is made safe by a mask. The slots of
 * capsules begin at 1: an id of 0 is "none". */
#define EK_SERVERS 512
/* Most capsules: what the scheduling benchmark measures up to. */
#define EK_CAPSULES_MAX 256
/* The servers of per-CPU kernel threads, and of everything that is in no capsule. */
#define EK_KTHREADS 510
#define EK_BEST_EFFORT 511

/* Most CPUs: four words of a mask. */
#define EK_CPUS_MAX 256
#define EK_CPU_WORDS 4

/* Levels of priority inside a capsule, 0 the most urgent: one for each role, and two to spare. */
#define EK_LEVELS 8

/* States of a capsule's slot. */
#define EK_FREE 0
#define EK_ACTIVE 1
/* Takes no new threads; those still queued are handed out. */
#define EK_DRAINING 2

/* States of a server. Running is ready: the server that runs stays in the queue. */
#define EK_IDLE 0
#define EK_READY 1
#define EK_THROTTLED 2

/* Events of the decision log. E1a to E8 are the rules of the hard constant bandwidth server. */
#define EK_EV_E1A 1
#define EK_EV_E1B 2
#define EK_EV_E1C 3
#define EK_EV_E1D 4
#define EK_EV_E4 5
#define EK_EV_E5 6
#define EK_EV_E6 7
#define EK_EV_E7 8
#define EK_EV_E8 9
#define EK_EV_WAKE 10
#define EK_EV_BLOCK 11
#define EK_EV_RUN 12
#define EK_EV_STOP 13
#define EK_EV_CONFIG 14
#define EK_EV_CHARGE 15

/* What the loader decides before the scheduler starts. */
struct ek_settings {
	u32 cpus;
	u32 capsules;
	u64 kthreads_budget_ns;
	u64 kthreads_period_ns;
	u64 best_effort_budget_ns;
	u64 best_effort_period_ns;
	u64 slice_ns;
	u64 capsule_slice_ns;
	u64 ageing_ns;
	u32 floor_percent;
	u32 unsafe_without;
};

/* Remedies that a test may leave out, to see that the hazard is real. The settings say which ones may be
 * (unsafe_without); of those, the switches say at any time which ones are (left_out). */
#define EK_WITHOUT_TIMER 1
#define EK_WITHOUT_KICK 2
#define EK_WITHOUT_AGEING 4
#define EK_WITHOUT_KTHREADS 8
#define EK_WITHOUT_FLOOR 16
#define EK_WITHOUT_PINNED 32
#define EK_WITHOUT_TASK_CPU 64
#define EK_WITHOUT_YIELD 128
#define EK_WITHOUT_DEBT 256
/* ... and those that the loader leaves out, once and for all: flags, operations and the time-out of the
 * scheduler as the kernel is told them, and the pin of its link. */
#define EK_WITHOUT_ENQ_LAST 65536
#define EK_WITHOUT_ENQ_EXITING 131072
#define EK_WITHOUT_HOTPLUG 262144
#define EK_WITHOUT_PATIENCE 524288
#define EK_WITHOUT_PIN 1048576
#define EK_WITHOUT_ENQ_MIGRATION 2097152

/* Where the loader finds in our operations what it may have to leave out (evenkeel.bpf.c checks it). */
#define EK_OPS_CPU_ONLINE_AT 80
#define EK_OPS_CPU_OFFLINE_AT 88
#define EK_OPS_FLAGS_AT 160
#define EK_OPS_TIMEOUT_AT 168

/* A capsule. */
struct ek_capsule {
	u32 state;
	u32 generation;
	u64 budget_ns;
	u64 period_ns;
	u64 cpus[4];
	u32 queued;
	u32 yield_to;
	u32 strays;
	u32 unused;
	char name[64];
};

/* One server: a capsule on one CPU. */
struct ek_server {
	s64 budget_left_ns;
	u64 deadline_ns;
	u64 budget_ns;
	u64 period_ns;
	u64 budget_next_ns;
	u64 period_next_ns;
	u32 state;
	u32 position;
	u32 queued;
	u32 missed;
	u64 used_ns;
	u64 throttled;
	u64 replenished;
	u64 lag_resets;
	u64 misses;
	u64 overrun_max_ns;
};

/* An entry of a heap. */
struct ek_slot {
	u64 key;
	u32 id;
	u32 unused;
};

struct ek_heap {
	u32 len;
	u32 cursor;
	struct ek_slot slot[512];
};

/* A CPU: its servers, those that are ready by deadline, those that are throttled by time of
 * replenishment, and what it runs. */
struct ek_cpu {
	ek_lock lock;
	u32 index;
	u32 online;
	u32 current;
	u32 current_level;
	u32 current_tid;
	u64 current_since_ns;
	u64 settled_ns;
	u64 taken_ns;
	u32 left_server;
	u32 left_tid;
	u32 left_level;
	u32 left_runnable;
	u64 current_vtime;
	u64 exhausted_at_ns;
	u64 exhaust_armed_ns;
	u64 replenish_armed_ns;
	u64 recheck_backoff_ns;
	u32 recheck[8];
	u32 recheck_len;
	u32 kthreads_last;
	u32 orphans;
	u32 unused;
	u64 dispatches;
	u64 timer_late_max_ns;
	u64 timer_failures;
	u64 timer_calls;
	struct ek_heap ready;
	struct ek_heap throttled;
	struct ek_server servers[512];
};

/* A thread's place, as user space asks for it. */
struct ek_place {
	u32 tid;
	u32 capsule;
	u32 level;
	s32 result;
	u32 by_group;
	u32 unused;
};

/* The change of one capsule. */
struct ek_change {
	u32 capsule;
	u32 state;
	u64 budget_ns;
	u64 period_ns;
	u64 cpus[4];
	char name[64];
	u64 reusable_at_ns;
	u32 queued;
	s32 result;
};

/* Added to the level of a claim: whoever is in the capsule by name keeps his own level when he is moved into
 * the group. The group of the fallback is of this kind; those of a VM's manager say what a thread does. */
#define EK_CLAIM_KEEPS 256

/* What a cgroup's subtree belongs to. */
struct ek_claim {
	u32 capsule;
	u32 level;
};

/* Written by user space alone. The build is that of whoever was loaded last. */
struct ek_switches {
	u32 tracing;
	u32 build;
	u32 left_out;
	u32 unused;
};

/* Counters, and why the scheduler left. */
struct ek_control {
	u32 exit_kind;
	u32 attached;
	u64 trace_dropped;
	u64 rechecks;
	u64 misplaced;
	u64 yields;
	u64 yields_honoured;
	s64 exit_code;
	char exit_reason[128];
	char exit_message[256];
};

/* One decision or arrival. */
struct ek_record {
	u64 time_ns;
	u32 cpu;
	u16 server;
	u16 event;
	s64 budget_left_ns;
	u64 deadline_ns;
	u64 executed_ns;
	u32 tid;
	u32 level;
};

#endif
