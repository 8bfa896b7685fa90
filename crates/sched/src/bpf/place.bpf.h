/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which capsule a thread belongs to: the one it was put into by itself, which its children inherit;
 * else that of the nearest cgroup, upwards from its own, that a capsule has claimed.
 */
#ifndef EVENKEEL_PLACE_BPF_H
#define EVENKEEL_PLACE_BPF_H

/* Levels of cgroups that are looked at; the kernel's own default limit of nesting is far above, but
 * libvirt's and systemd's trees have less than ten. */
#define GROUP_LEVELS 32

/* The number of the ancestor of `group` at `level`; 0 where it cannot be read. Read as plain memory:
 * the verifier does not trust a group that comes in an argument's field. */
static __always_inline u64 group_number(struct cgroup *group, u32 level)
{
	struct cgroup **ancestors = &group->ancestors[0], *above = NULL;
	struct kernfs_node *node = NULL;
	u64 number = 0;

	if (bpf_probe_read_kernel(&above, sizeof(above), ancestors + level) || !above ||
	    bpf_probe_read_kernel(&node, sizeof(node), &above->kn) || !node ||
	    bpf_probe_read_kernel(&number, sizeof(number), &node->id))
		return 0;
	return number;
}

/* The nearest claim, and the product of the weights on the way up. Who was put into a capsule by its own
 * name stays there; `moved` into a group that the same capsule has claimed, it gets that group's level:
 * the VM's manager says by it what the thread does. */
static __noinline int place_by_group(struct cgroup *group, struct task *task, bool moved)
{
	bool claimed = false, explicit = task->capsule && !task->by_group;
	struct bpf_iter_num it;
	u64 weight = 100;
	int *back, level = group->level;

	if (!explicit) {
		task->capsule = 0;
		task->by_group = 0;
	}
	bpf_iter_num_new(&it, 0, GROUP_LEVELS);
	while ((back = bpf_iter_num_next(&it))) {
		if (*back > level)
			break;
		u64 number = group_number(group, level - *back);
		u32 *own = bpf_map_lookup_elem(&weights, &number);
		if (own)
			weight = weight * *own / 100;
		if (claimed)
			continue;
		struct ek_claim *claim = bpf_map_lookup_elem(&claims, &number);
		if (!claim)
			continue;
		claimed = true;
		if (!explicit) {
			task->capsule = claim->capsule & EK_MASK;
			task->level = claim->level & (EK_LEVELS - 1);
			task->by_group = 1;
		} else if (moved && claim->capsule == task->capsule &&
			   !(claim->level & EK_CLAIM_KEEPS)) {
			task->level = claim->level & (EK_LEVELS - 1);
		}
	}
	bpf_iter_num_destroy(&it);
	/* Weights of 1 in several levels must not become 0, nor large ones stop virtual time. */
	task->group_weight = weight < 1 ? 1 : weight > 10000 ? 10000 : weight;
	task->weights_generation = weights_generation;
	task->fit = 0;
	return 0;
}

SEC("struct_ops.s/ek_init_task")
int ek_init_task(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct scx_init_task_args *args = (void *)ctx[1];
	struct task *task, *parent = NULL;

	task = bpf_task_storage_get(&tasks, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!task)
		return -12; /* ENOMEM */
	/* A scheduler that takes over finds the place; what is queued, it is not told. */
	task->queued = 0;
	task->server = 0;
	task->vtime = vtime_now;
	task->fit = 0;
	task->is_new = args->fork;
	if (args->fork) {
		parent = task_of(bpf_get_current_task_btf());
		if (parent && parent->capsule && !parent->by_group) {
			task->capsule = parent->capsule;
			task->level = parent->level;
			task->by_group = 0;
		}
	}
	place_by_group(args->cgroup, task, false);
	return 0;
}

SEC("struct_ops/ek_cgroup_move")
void ek_cgroup_move(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct cgroup *to = (void *)ctx[2];
	struct task *task = task_of(p);

	if (task)
		place_by_group(to, task, true);
}

static __always_inline void set_group_weight(struct cgroup *group, u32 weight)
{
	u64 number = group->kn->id;

	if (weight == 100)
		bpf_map_delete_elem(&weights, &number);
	else
		bpf_map_update_elem(&weights, &number, &weight, 0);
	__sync_fetch_and_add(&weights_generation, 1);
}

SEC("struct_ops.s/ek_cgroup_init")
int ek_cgroup_init(u64 *ctx)
{
	struct cgroup *group = (void *)ctx[0];
	struct scx_cgroup_init_args *args = (void *)ctx[1];

	if (args->weight != 100)
		set_group_weight(group, args->weight);
	return 0;
}

SEC("struct_ops.s/ek_cgroup_exit")
void ek_cgroup_exit(u64 *ctx)
{
	struct cgroup *group = (void *)ctx[0];
	u64 number = group->kn->id;

	/* Told of every group when the scheduler leaves: claims stay for the next one. The number of a group
	 * that has gone is never given again, and a capsule that goes takes its claims along. */
	bpf_map_delete_elem(&weights, &number);
}

SEC("struct_ops/ek_cgroup_set_weight")
void ek_cgroup_set_weight(u64 *ctx)
{
	struct cgroup *group = (void *)ctx[0];
	u32 weight = ctx[1];

	set_group_weight(group, weight);
}

SEC("struct_ops/ek_set_cpumask")
void ek_set_cpumask(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct task *task = task_of(p);

	if (task)
		task->fit = 0;
}

/* Puts a thread into a capsule (0: out of it). */
SEC("syscall")
int ek_place(struct ek_place *place)
{
	struct task_struct *p = bpf_task_from_pid(place->tid);
	struct task *task;

	place->result = -3; /* ESRCH */
	if (!p)
		return 0;
	task = bpf_task_storage_get(&tasks, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	place->result = -12;
	if (task && place->by_group && task->capsule && !task->by_group) {
		/* It was put where it is by name. */
		place->result = 0;
	} else if (task) {
		task->capsule = place->capsule & EK_MASK;
		task->level = place->level & (EK_LEVELS - 1);
		task->by_group = place->by_group;
		task->fit = 0;
		place->result = 0;
		struct ek_cpu *cpu = cpu_at(scx_bpf_task_cpu(p));
		/* What runs is queued again, in its new place. */
		if (cpu && cpu->current_tid == place->tid)
			scx_bpf_kick_cpu(cpu->index, SCX_KICK_PREEMPT);
	}
	bpf_task_release(p);
	return 0;
}

/* Where a thread is. */
SEC("syscall")
int ek_query(struct ek_place *place)
{
	struct task_struct *p = bpf_task_from_pid(place->tid);
	struct task *task;

	place->result = -3;
	if (!p)
		return 0;
	task = bpf_task_storage_get(&tasks, p, NULL, 0);
	place->result = 0;
	place->capsule = task ? task->capsule : 0;
	place->level = task ? task->level : 0;
	place->by_group = task ? task->by_group : 0;
	bpf_task_release(p);
	return 0;
}

/* When the bandwidth that a server holds may be given to others: at zero lag. */
static __always_inline u64 zero_lag(const struct ek_server *s)
{
	s64 c = s->budget_left_ns;

	if (s->budget_ns == 0)
		return 0;
	if (c > 0)
		return s->deadline_ns - (u64)c * s->period_ns / s->budget_ns;
	return s->deadline_ns + (u64)-c * s->period_ns / s->budget_ns;
}

int ek_wake_all(u32 id, u32 level, u32 here, u32 gives_way);

/* Changes a capsule: its state, reservation and CPUs. */
SEC("syscall")
int ek_change(struct ek_change *change)
{
	u32 id = change->capsule;
	struct ek_capsule *capsule = capsule_at(id);
	struct bpf_iter_num it;
	u64 reusable = 0;
	u32 queued = 0;
	u64 moved = 0;
	int *index;

	change->result = -22; /* EINVAL */
	if (!capsule || id == 0 || id > settings.capsules || id >= EK_KTHREADS)
		return 0;
	capsule->state = change->state;
	capsule->budget_ns = change->budget_ns;
	capsule->period_ns = change->period_ns;
	for (int i = 0; i < EK_CPU_WORDS; i++) {
		moved |= capsule->cpus[i] ^ change->cpus[i];
		capsule->cpus[i] = change->cpus[i];
	}
	for (int i = 0; i < 64; i++)
		capsule->name[i] = change->name[i];
	__sync_fetch_and_add(&capsule->generation, 1);
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		u32 at = *index;
		struct ek_cpu *cpu = cpu_at(at);
		if (!cpu)
			break;
		struct ek_server *s = server_at(cpu, id);
		bool here = change->state != EK_FREE && in_mask(capsule, at);
		s32 waiting = scx_bpf_dsq_nr_queued(DSQ_PINNED(id, at));
		bpf_spin_lock(&cpu->lock);
		u64 free_at = zero_lag(s);
		if (change->state == EK_FREE) {
			if (s->state == EK_READY)
				heap_remove(cpu, &cpu->ready, s->position);
			else if (s->state == EK_THROTTLED)
				heap_remove(cpu, &cpu->throttled, s->position);
			s->state = EK_IDLE;
			s->budget_left_ns = 0;
			s->deadline_ns = 0;
			s->budget_ns = 0;
			s->period_ns = 0;
			s->queued = 0;
			s->used_ns = 0;
			s->throttled = 0;
			s->replenished = 0;
			s->lag_resets = 0;
			s->misses = 0;
			s->overrun_max_ns = 0;
		}
		/* A CPU that the capsule leaves serves what is still queued for it. */
		bool drains = change->state != EK_FREE && (waiting > 0 || s->state != EK_IDLE);
		if (here) {
			s->budget_next_ns = change->budget_ns;
			s->period_next_ns = change->period_ns;
		} else if (!drains) {
			s->budget_next_ns = 0;
			s->period_next_ns = 0;
		}
		bpf_spin_unlock(&cpu->lock);
		if (free_at > reusable)
			reusable = free_at;
		if (waiting > 0)
			queued += waiting;
		note(cpu, now(), SERVER_EVENT(id, EK_EV_CONFIG), 0, 0);
	}
	bpf_iter_num_destroy(&it);
	s32 waiting = scx_bpf_dsq_nr_queued(DSQ_SHARED(id));
	if (waiting > 0)
		queued += waiting;
	if (change->state == EK_FREE)
		capsule->queued = 0;
	else if (waiting > 0)
		/* What waited for the old CPUs is the new ones' now. */
		ek_wake_all(id, 0, EK_CPUS_MAX, 0);
	if (moved && waiting > 0) {
		/* ... unless they may not run it. */
		capsule->strays = waiting;
		WRITE_ONCE(orphaned, 1);
		kick_all(NULL);
	}
	change->queued = queued;
	change->reusable_at_ns = reusable;
	change->result = 0;
	return 0;
}

#endif
