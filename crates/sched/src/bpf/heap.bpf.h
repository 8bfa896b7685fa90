/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Binary heaps of servers, least key first, equal keys by id: the queue of ready servers (key: the
 * deadline) and that of throttled ones (key: when they are replenished). Each server knows its
 * position, so that any can be taken out. Depth 9 for 512 servers: the cost of a dispatch grows with
 * the logarithm of the number of ready servers, which a scan would not.
 *
 * All functions run under the lock of their CPU. Loops are the kernel's number iterators: the verifier
 * follows a plain loop round by round, and doubles its work at each branch inside.
 */
#ifndef EVENKEEL_HEAP_BPF_H
#define EVENKEEL_HEAP_BPF_H

#define EK_MASK (EK_SERVERS - 1)
/* log2(EK_SERVERS) + 1 */
#define EK_DEPTH 10

static __always_inline bool slot_before(const struct ek_slot *a, const struct ek_slot *b)
{
	return a->key < b->key || (a->key == b->key && a->id < b->id);
}

static __always_inline void heap_put(struct ek_cpu *cpu, struct ek_heap *heap, u32 i,
				     struct ek_slot slot)
{
	heap->slot[i & EK_MASK] = slot;
	cpu->servers[slot.id & EK_MASK].position = i;
}

/* The verifier follows an index bit by bit through 2 * i + 1, and never sees two rounds alike; what
 * comes back from a map it does not know. */
static __always_inline u32 forget(struct ek_heap *heap, u32 i)
{
	WRITE_ONCE(heap->cursor, i);
	return READ_ONCE(heap->cursor);
}

/* The entry moves up from the hole at `i` to where it belongs. */
static __noinline int heap_up(struct ek_cpu *cpu, struct ek_heap *heap, u32 i, u64 key, u32 id)
{
	struct ek_slot slot = { .key = key, .id = id };
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, EK_DEPTH);
	while (bpf_iter_num_next(&it)) {
		if (i == 0)
			break;
		u32 up = (i - 1) / 2;
		struct ek_slot above = heap->slot[up & EK_MASK];
		if (!slot_before(&slot, &above))
			break;
		heap_put(cpu, heap, i, above);
		i = forget(heap, up);
	}
	bpf_iter_num_destroy(&it);
	heap_put(cpu, heap, i, slot);
	return 0;
}

/* The entry moves down from the hole at `i` to where it belongs. */
static __noinline int heap_down(struct ek_cpu *cpu, struct ek_heap *heap, u32 i, u64 key, u32 id)
{
	struct ek_slot slot = { .key = key, .id = id };
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, EK_DEPTH);
	while (bpf_iter_num_next(&it)) {
		u32 down = 2 * i + 1;
		if (down >= heap->len)
			break;
		struct ek_slot least = heap->slot[down & EK_MASK];
		if (down + 1 < heap->len) {
			struct ek_slot right = heap->slot[(down + 1) & EK_MASK];
			if (slot_before(&right, &least)) {
				least = right;
				down = down + 1;
			}
		}
		if (!slot_before(&least, &slot))
			break;
		heap_put(cpu, heap, i, least);
		i = forget(heap, down);
	}
	bpf_iter_num_destroy(&it);
	heap_put(cpu, heap, i, slot);
	return 0;
}

static __always_inline void heap_push(struct ek_cpu *cpu, struct ek_heap *heap, u32 id, u64 key)
{
	u32 i = heap->len;

	/* Each server is in one heap at most, so that a heap is never full. */
	if (i >= EK_SERVERS)
		return;
	heap->len = i + 1;
	heap_up(cpu, heap, i, key, id);
}

static __always_inline void heap_remove(struct ek_cpu *cpu, struct ek_heap *heap, u32 i)
{
	u32 last = heap->len - 1;

	if (heap->len == 0 || i > last)
		return;
	struct ek_slot moved = heap->slot[last & EK_MASK];
	heap->len = last;
	if (i == last)
		return;
	/* It goes up or down; the other direction leaves it where it is. */
	u32 up = i ? (i - 1) / 2 : 0;
	struct ek_slot above = heap->slot[up & EK_MASK];
	if (i && slot_before(&moved, &above))
		heap_up(cpu, heap, i, moved.key, moved.id);
	else
		heap_down(cpu, heap, i, moved.key, moved.id);
}

#endif
