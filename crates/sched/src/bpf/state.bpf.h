/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps, and how to reach what is in them. All but the timers outlive a scheduler: the next one takes
 * them over, and with them every reservation, every thread's place and every debt.
 */
#ifndef EVENKEEL_STATE_BPF_H
#define EVENKEEL_STATE_BPF_H

/* What the scheduler knows of a thread. */
struct task {
	/* The capsule it belongs to, 0 for none, and its level there. */
	u32 capsule;
	u32 level;
	/* It belongs by its cgroup, not by its own name. */
	u32 by_group;
	/* May it run on every CPU of its capsule: 0 unknown, 1 yes, 2 no; and since which change. */
	u32 fit;
	u32 fit_generation;
	/* The server whose budget it uses while it runs. */
	u32 server;
	/* It waits in a queue: counted in which server, on which CPU (or -1: any of the capsule's). */
	u32 queued;
	u32 queued_server;
	s32 queued_cpu;
	/* Product of the weights of its cgroups, in percent, and since which change. */
	u32 group_weight;
	u32 weights_generation;
	/* Started, and not yet queued: its first arrival is no wake-up to the kernel. */
	u32 is_new;
	/* Its place in the queue of its capsule or of best effort. */
	u64 key;
	u64 vtime;
	/* What is left of its turn. */
	u64 turn;
};

struct timer {
	struct bpf_timer timer;
};

const volatile struct ek_settings settings SEC(".rodata.settings") = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ek_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EK_SERVERS);
	__type(key, u32);
	__type(value, struct ek_capsule);
} capsules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task);
} tasks SEC(".maps");

/* Cgroup number to capsule. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct ek_claim);
} claims SEC(".maps");

/* Cgroup number to weight in percent, where it is not 100. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
} weights SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ek_switches);
} switches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ek_control);
} control SEC(".maps");

/* 8 MiB: 0.15 million records, some seconds of a busy host. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} decisions SEC(".maps");

/* The kernel allows one timer in a map's value: hence a map for each purpose. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct timer);
} exhaust_timers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct timer);
} replenish_timers SEC(".maps");

/* Virtual time of best effort: that of whoever ran last. */
static u64 vtime_now;
static u32 weights_generation = 1;
/* A capsule may have threads in its queue and no CPU online that takes from it. */
static u32 orphaned;
/* The CPUs that took threads when we looked last. */
static u64 active_seen[EK_CPU_WORDS];

#define DSQ_SHARED(id) (1ULL << 32 | (id))
#define DSQ_PINNED(id, cpu) (2ULL << 32 | (u64)(id) << 12 | (cpu))
#define DSQ_KTHREADS(cpu) (3ULL << 32 | (cpu))
#define DSQ_BEST_EFFORT (4ULL << 32)
#define DSQ_BEST_EFFORT_CPU(cpu) (5ULL << 32 | (cpu))

/* The verifier follows a static function anew from every place that calls it, with what it knows
 * there; one that others could replace it looks at once, for all arguments. What is called in many
 * places, or in a loop, is of this kind: it takes numbers, no pointers. */
#define VERIFIED_ONCE __weak __noinline

static __always_inline struct ek_cpu *cpu_at(s32 cpu)
{
	u32 key = cpu;

	return bpf_map_lookup_elem(&cpus, &key);
}

static __always_inline struct ek_capsule *capsule_at(u32 id)
{
	return bpf_map_lookup_elem(&capsules, &id);
}

static __always_inline struct ek_server *server_at(struct ek_cpu *cpu, u32 id)
{
	return &cpu->servers[id & EK_MASK];
}

static __always_inline struct task *task_of(struct task_struct *p)
{
	return bpf_task_storage_get(&tasks, p, NULL, 0);
}

static __always_inline struct ek_control *counters(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline struct ek_switches *switched(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&switches, &zero);
}

/* Is a remedy left out? Never, and without a look, unless the scheduler was loaded for a test. */
static __always_inline bool without(u32 remedy)
{
	struct ek_switches *on;

	if (!(settings.unsafe_without & remedy))
		return false;
	on = switched();
	return on && on->left_out & remedy;
}

/* The CPU whose run queue `p` is on. Not always the one that this runs on: who changes an attribute of
 * a running thread takes it off its CPU, and puts it back, from afar. */
static __always_inline s32 cpu_of(struct task_struct *p)
{
	return without(EK_WITHOUT_TASK_CPU) ? bpf_get_smp_processor_id() : scx_bpf_task_cpu(p);
}

static __always_inline u64 now(void)
{
	return bpf_ktime_get_ns();
}

static __always_inline bool in_mask(const struct ek_capsule *capsule, u32 cpu)
{
	return capsule->cpus[(cpu / 64) & (EK_CPU_WORDS - 1)] >> (cpu % 64) & 1;
}

static __always_inline u64 active_word(u32 word)
{
	const u64 *words = (const u64 *)&__cpu_active_mask;
	u64 bits = ~0ULL;

	if (words)
		bpf_probe_read_kernel(&bits, sizeof(bits), words + (word & (EK_CPU_WORDS - 1)));
	return bits;
}

/* A CPU that takes threads. The kernel tells us of one that goes only when all that run under RCU have
 * come to an end: who waits for that CPU until then, in the middle of such, waits for ever. */
static __always_inline bool is_usable(struct ek_cpu *cpu)
{
	return cpu->online && active_word(cpu->index / 64) >> (cpu->index % 64) & 1;
}

/* Where a thread may wait is found out anew, and what waits in vain is taken out. */
VERIFIED_ONCE int ek_look_again(void)
{
	struct bpf_iter_num it;
	int *id;

	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((id = bpf_iter_num_next(&it))) {
		struct ek_capsule *capsule = capsule_at(*id);
		if (!capsule || (u32)*id > settings.capsules)
			break;
		__sync_fetch_and_add(&capsule->generation, 1);
	}
	bpf_iter_num_destroy(&it);
	WRITE_ONCE(orphaned, 1);
	return 0;
}

/* Nobody says when a CPU stops taking threads: asked at the tick and before a CPU idles. */
VERIFIED_ONCE int ek_look_for_cpus(void)
{
	struct bpf_iter_num it;
	int *word, changed = 0;

	bpf_iter_num_new(&it, 0, EK_CPU_WORDS);
	while ((word = bpf_iter_num_next(&it))) {
		u32 at = *word & (EK_CPU_WORDS - 1);
		if (at * 64 >= settings.cpus)
			break;
		u64 bits = active_word(at);
		if (bits != active_seen[at]) {
			active_seen[at] = bits;
			changed = 1;
		}
	}
	bpf_iter_num_destroy(&it);
	if (changed)
		ek_look_again();
	return changed;
}

/* Whether any CPU of the capsule is online. */
VERIFIED_ONCE int ek_has_cpu(u32 id)
{
	struct ek_capsule *capsule = capsule_at(id);
	struct bpf_iter_num it;
	int *index, found = 0;

	if (!capsule)
		return 0;
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		struct ek_cpu *cpu = cpu_at(*index);
		if (cpu && in_mask(capsule, *index) && is_usable(cpu)) {
			found = 1;
			break;
		}
	}
	bpf_iter_num_destroy(&it);
	return found;
}

/* A record of the decision log. Never under a lock. */
VERIFIED_ONCE int ek_note(u32 index, u64 t, u32 server_event, u64 executed, u64 tid_level)
{
	struct ek_cpu *cpu = cpu_at(index);
	struct ek_record *record;

	if (!cpu)
		return 0;
	record = bpf_ringbuf_reserve(&decisions, sizeof(*record), 0);
	if (!record) {
		struct ek_control *count = counters();
		if (count)
			__sync_fetch_and_add(&count->trace_dropped, 1);
		return 0;
	}
	struct ek_server *s = server_at(cpu, server_event >> 16);
	record->time_ns = t;
	record->cpu = cpu->index;
	record->server = server_event >> 16;
	record->event = server_event & 0xffff;
	record->budget_left_ns = s->budget_left_ns;
	record->deadline_ns = s->deadline_ns;
	record->executed_ns = executed;
	record->tid = tid_level >> 32;
	record->level = (u32)tid_level;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void note(struct ek_cpu *cpu, u64 t, u32 server_event, u64 executed,
				 u64 tid_level)
{
	struct ek_switches *on = switched();

	if (on && on->tracing)
		ek_note(cpu->index, t, server_event, executed, tid_level);
}

#define SERVER_EVENT(id, event) ((id) << 16 | (event))
#define TID_LEVEL(p, task) ((u64)(u32)(p)->pid << 32 | (task)->level)

#endif
