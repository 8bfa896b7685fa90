/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel that the scheduler uses, and no more: each type has only the fields that
 * are read, relocated to their real places when the object is loaded (CO-RE).
 *
 * Functions that changed their form have a declaration for each, told apart by a suffix that the
 * loader strips; the one that the running kernel has is called.
 */
#ifndef EVENKEEL_KERNEL_BPF_H
#define EVENKEEL_KERNEL_BPF_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __weak __attribute__((weak))
#define __ksym __attribute__((section(".ksyms")))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
#define ksym_exists(function) __builtin_expect(!!(function), 1)
#define core_type_exists(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_F_TIMER_ABS = 1,
	BPF_F_TIMER_CPU_PIN = 2,
	CLOCK_MONOTONIC = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cpumask {
	unsigned long bits[1];
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup *ancestors[];
};

typedef struct {
	unsigned int __softirq_pending;
} irq_cpustat_t;

/* A run queue's clock, the same without what interrupts and the hypervisor took, and who runs. */
struct rq {
	u64 clock;
	u64 clock_task;
	struct task_struct *curr;
};

struct sched_ext_entity {
	u32 flags;
	u32 weight;
	u64 slice;
	u64 dsq_vtime;
};

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	int nr_cpus_allowed;
	unsigned short migration_disabled;
	const struct cpumask *cpus_ptr;
	struct sched_ext_entity scx;
};

struct scx_init_task_args {
	bool fork;
	struct cgroup *cgroup;
};

struct scx_exit_task_args {
	bool cancelled;
};

struct scx_cgroup_init_args {
	u32 weight;
};

enum scx_exit_kind {
	SCX_EXIT_NONE,
};

struct scx_exit_info {
	enum scx_exit_kind kind;
	s64 exit_code;
	const char *reason;
	char *msg;
};

struct scx_bpf_dsq_insert_vtime_args {
	u64 dsq_id;
	u64 slice;
	u64 vtime;
	u64 enq_flags;
};

#pragma clang attribute pop

/* Types that the verifier knows by name and size. */
struct bpf_spin_lock {
	u32 val;
};

/* A macro: the verifier finds no lock behind a typedef. */
#define ek_lock struct bpf_spin_lock

struct bpf_timer {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_iter_num {
	u64 opaque[1];
} __attribute__((aligned(8)));

struct bpf_iter_scx_dsq {
	u64 opaque[6];
} __attribute__((aligned(8)));

/* The operations that the scheduler has; the loader matches them by name. */
struct sched_ext_ops {
	s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	void (*tick)(struct task_struct *p);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*quiescent)(struct task_struct *p, u64 deq_flags);
	bool (*yield)(struct task_struct *from, struct task_struct *to);
	void (*set_weight)(struct task_struct *p, u32 weight);
	void (*set_cpumask)(struct task_struct *p, const struct cpumask *cpumask);
	void (*cpu_online)(s32 cpu);
	void (*cpu_offline)(s32 cpu);
	s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
	void (*disable)(struct task_struct *p);
	s32 (*cgroup_init)(struct cgroup *cgrp, struct scx_cgroup_init_args *args);
	void (*cgroup_exit)(struct cgroup *cgrp);
	void (*cgroup_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
	void (*cgroup_set_weight)(struct cgroup *cgrp, u32 weight);
	s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	u64 flags;
	u32 timeout_ms;
	char name[128];
};

enum {
	PF_EXITING = 0x00000004,
	PF_KTHREAD = 0x00200000,
};

#define SCX_DSQ_LOCAL ((1ULL << 63) | 2)
#define SCX_DSQ_LOCAL_ON ((1ULL << 63) | (1ULL << 62))

#define SCX_OPS_ENQ_LAST (1ULL << 1)
#define SCX_OPS_ENQ_EXITING (1ULL << 2)
#define SCX_OPS_ENQ_MIGRATION_DISABLED (1ULL << 4)

#define SCX_ENQ_WAKEUP (1ULL << 0)
#define SCX_ENQ_LAST (1ULL << 41)

#define SCX_KICK_IDLE (1ULL << 0)
#define SCX_KICK_PREEMPT (1ULL << 1)

/* p->scx.flags: it is runnable. */
#define SCX_TASK_QUEUED (1U << 0)

/* Helpers, by their number in the kernel's interface. */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value,
					 u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*const bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static long (*const bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*const bpf_probe_read_kernel_str)(void *dst, u32 size, const void *src) = (void *)115;
static void *(*const bpf_ringbuf_reserve)(void *ringbuf, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void *(*const bpf_per_cpu_ptr)(const void *percpu, u32 cpu) = (void *)153;
static void *(*const bpf_task_storage_get)(void *map, struct task_struct *task, void *value,
					   u64 flags) = (void *)156;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static long (*const bpf_timer_init)(struct bpf_timer *timer, void *map, u64 flags) = (void *)169;
static long (*const bpf_timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*const bpf_timer_start)(struct bpf_timer *timer, u64 ns, u64 flags) = (void *)171;

/* Kernel functions that have had one form since 6.18. */
extern struct rq runqueues __ksym;
/* Pending soft interrupts of a CPU: a variable of its own on x86 since 6.15, elsewhere in a struct. */
extern u16 __softirq_pending __ksym __weak;
extern irq_cpustat_t irq_stat __ksym __weak;
/* A symbol without a type: the CPUs that take threads. One that goes leaves it some time before the
 * scheduler is told. */
extern const void __cpu_active_mask __ksym __weak;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;
extern s32 scx_bpf_dsq_nr_queued(u64 dsq_id) __ksym;
extern s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;
extern struct cgroup *scx_bpf_task_cgroup(struct task_struct *p) __ksym;
extern s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev_cpu, u64 wake_flags,
				  bool *is_idle) __ksym;
extern bool scx_bpf_test_and_clear_cpu_idle(s32 cpu) __ksym;
extern struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
extern void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;

/* ... and those that have not. Since 7.1 some have an argument that the verifier fills in; builds of
 * the kernel differ in whether their type information shows it. */
struct bpf_prog_aux {
	int unused;
};

extern s32 scx_bpf_create_dsq___plain(u64 dsq_id, s32 node) __ksym __weak;
extern s32 scx_bpf_create_dsq___aux(u64 dsq_id, s32 node, const struct bpf_prog_aux *aux)
	__ksym __weak;
extern void scx_bpf_kick_cpu___plain(s32 cpu, u64 flags) __ksym __weak;
extern void scx_bpf_kick_cpu___aux(s32 cpu, u64 flags, const struct bpf_prog_aux *aux) __ksym __weak;
extern s32 scx_bpf_pick_idle_cpu___plain(const struct cpumask *allowed, u64 flags) __ksym __weak;
extern s32 scx_bpf_pick_idle_cpu___aux(const struct cpumask *allowed, u64 flags,
				       const struct bpf_prog_aux *aux) __ksym __weak;
extern int bpf_iter_scx_dsq_new___plain(struct bpf_iter_scx_dsq *it, u64 dsq_id,
					u64 flags) __ksym __weak;
extern int bpf_iter_scx_dsq_new___aux(struct bpf_iter_scx_dsq *it, u64 dsq_id, u64 flags,
				      const struct bpf_prog_aux *aux) __ksym __weak;

static __always_inline s32 scx_bpf_create_dsq(u64 dsq, s32 node)
{
	if (ksym_exists(scx_bpf_create_dsq___plain))
		return scx_bpf_create_dsq___plain(dsq, node);
	return scx_bpf_create_dsq___aux(dsq, node, NULL);
}

static __always_inline void scx_bpf_kick_cpu(s32 cpu, u64 flags)
{
	if (ksym_exists(scx_bpf_kick_cpu___plain))
		scx_bpf_kick_cpu___plain(cpu, flags);
	else
		scx_bpf_kick_cpu___aux(cpu, flags, NULL);
}

static __always_inline s32 scx_bpf_pick_idle_cpu(const struct cpumask *allowed, u64 flags)
{
	if (ksym_exists(scx_bpf_pick_idle_cpu___plain))
		return scx_bpf_pick_idle_cpu___plain(allowed, flags);
	return scx_bpf_pick_idle_cpu___aux(allowed, flags, NULL);
}

static __always_inline int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, u64 dsq, u64 flags)
{
	if (ksym_exists(bpf_iter_scx_dsq_new___plain))
		return bpf_iter_scx_dsq_new___plain(it, dsq, flags);
	return bpf_iter_scx_dsq_new___aux(it, dsq, flags, NULL);
}

extern bool scx_bpf_dsq_insert___v2___compat(struct task_struct *p, u64 dsq_id, u64 slice,
					     u64 enq_flags) __ksym __weak;
extern void scx_bpf_dsq_insert___v1(struct task_struct *p, u64 dsq_id, u64 slice,
				    u64 enq_flags) __ksym __weak;
extern bool __scx_bpf_dsq_insert_vtime(struct task_struct *p,
				       struct scx_bpf_dsq_insert_vtime_args *args) __ksym __weak;
extern void scx_bpf_dsq_insert_vtime___compat(struct task_struct *p, u64 dsq_id, u64 slice,
					      u64 vtime, u64 enq_flags) __ksym __weak;
extern bool scx_bpf_dsq_move_to_local___v2___compat(u64 dsq_id, u64 enq_flags) __ksym __weak;
extern bool scx_bpf_dsq_move_to_local___v1(u64 dsq_id) __ksym __weak;
extern bool scx_bpf_dsq_move___new(struct bpf_iter_scx_dsq *it, struct task_struct *p, u64 dsq_id,
				   u64 enq_flags) __ksym __weak;
extern bool scx_bpf_task_set_slice___new(struct task_struct *p, u64 slice) __ksym __weak;

static __always_inline void insert(struct task_struct *p, u64 dsq, u64 slice)
{
	if (ksym_exists(scx_bpf_dsq_insert___v1))
		scx_bpf_dsq_insert___v1(p, dsq, slice, 0);
	else
		scx_bpf_dsq_insert___v2___compat(p, dsq, slice, 0);
}

static __always_inline void insert_by_key(struct task_struct *p, u64 dsq, u64 slice, u64 key,
					  u64 enq_flags)
{
	if (core_type_exists(struct scx_bpf_dsq_insert_vtime_args)) {
		struct scx_bpf_dsq_insert_vtime_args args = {
			.dsq_id = dsq, .slice = slice, .vtime = key, .enq_flags = enq_flags,
		};
		__scx_bpf_dsq_insert_vtime(p, &args);
	} else {
		scx_bpf_dsq_insert_vtime___compat(p, dsq, slice, key, enq_flags);
	}
}

static __always_inline bool move_to_local(u64 dsq)
{
	if (ksym_exists(scx_bpf_dsq_move_to_local___v2___compat))
		return scx_bpf_dsq_move_to_local___v2___compat(dsq, 0);
	return scx_bpf_dsq_move_to_local___v1(dsq);
}

static __always_inline void set_slice(struct task_struct *p, u64 slice)
{
	if (ksym_exists(scx_bpf_task_set_slice___new))
		scx_bpf_task_set_slice___new(p, slice);
	else
		p->scx.slice = slice;
}

#endif
