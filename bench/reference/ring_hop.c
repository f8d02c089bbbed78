/*
 * The reference of the ring-hop bench: what a C driver pair on Xen does for one frame from a guest to the driver
 * domain, with the hypervisor's grant checks in full. One thread; line by line the work of ../ring-hop/front.ts and
 * back.ts. Time is the processor's own for this process, so that a busy machine changes little.
 *
 *   here                 there
 *   grant_permit         RingGrants.permit
 *   queue_end            RingGrants.queueEnd
 *   end_grants           RingGrants.end -> assembly/copy-engine.ts endGrants
 *   grant_try_end        endGrant
 *   push_requests        FrontRing.pushRequests
 *   push_responses       BackRing.pushResponses
 *   copy_batch           GrantCopyBatch.run -> assembly/copy-engine.ts copyBatch
 *   copy_one             copyOne
 *   acquire, release     acquire, release (active entry, four pin counters, reading and writing bits)
 *   front_send           Front.send, Front.fill
 *   back_receive         Back.receive, receiveRun, receiveMany
 *   front_complete       Front.complete
 *
 * Usage: ring_hop BYTES SECONDS; prints packets a second.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 4096, RING = 256, BATCH = 32, PAGES = 512, REFS = 512, OPS = 64, FRONT = 1, BACK = 0 };
enum { PERMIT_ACCESS = 1, TYPE_MASK = 3, READONLY = 4, READING = 8, WRITING = 16 };
enum { TXF_CSUM_BLANK = 1, TXF_DATA_VALIDATED = 2, TXF_MORE_DATA = 4, TXF_EXTRA_INFO = 8 };
enum { PIN_HOST_WRITE = 1, PIN_HOST_READ = 0x100, PIN_WRITES = 0xff00ff, OVERFLOW_SHIFT = 7 };
enum { COPY_SOURCE_GREF = 1, COPY_DEST_GREF = 2, DOMID_SELF = 0x7ff0 };
#define PIN_LOCKED 0xff000000u

struct tx_request { uint32_t gref; uint16_t offset, flags, id, size; };
struct tx_response { uint16_t id; int16_t status; };
struct extra_info { uint8_t type, flags; uint16_t size; uint8_t gso_type, pad; uint16_t features; };
union slot { struct tx_request request; struct tx_response response; struct extra_info extra; };
struct ring_page {
  _Atomic uint32_t req_prod, req_event, rsp_prod, rsp_event;
  uint8_t pad[48];
  union slot slots[RING];
};
struct shared_entry { _Atomic uint32_t word; uint32_t frame; };
struct active_entry { _Atomic uint32_t pin; uint16_t domid, pad; uint32_t gfn, pad2; };
struct copy_op {
  uint32_t source_ref, source_high; uint16_t source_domid, source_offset, pad1[2];
  uint32_t dest_ref, dest_high; uint16_t dest_domid, dest_offset, pad2[2];
  uint16_t length, flags; int16_t status, pad3;
};
struct domain {
  _Atomic uint32_t state, in_hypercall;
  uint8_t *base;
  uint32_t pages, entries;
  struct shared_entry *shared[1];
  struct active_entry *active[1];
};

static struct domain domains[2];
static const uint32_t max_domains = 2;
static struct ring_page *ring;
static struct copy_op *ops;
static uint8_t *template_bytes;

/* ---- the guest's half of grants */
static struct shared_entry *entries[RING];
static uint32_t refs[RING], end_queue[RING], end_results[RING], end_count;

static void grant_permit(uint32_t slot, uint16_t domid, uint32_t gfn) {
  struct shared_entry *entry = entries[slot];
  entry->frame = gfn;
  atomic_store_explicit(&entry->word, PERMIT_ACCESS | READONLY | (uint32_t)domid << 16, memory_order_release);
}
static int grant_try_end(uint32_t slot) {
  _Atomic uint16_t *flags = (_Atomic uint16_t *)&entries[slot]->word;
  uint16_t seen = atomic_load_explicit(flags, memory_order_relaxed);
  do {
    if (seen & (READING | WRITING)) return 0;
  } while (!atomic_compare_exchange_strong(flags, &seen, 0));
  return 1;
}
static void queue_end(uint32_t slot) { end_queue[end_count++] = slot; }
__attribute__((noinline)) static uint32_t end_grants(void) {
  uint32_t busy = 0;
  for (uint32_t i = 0; i < end_count; i++) {
    end_results[i] = (uint32_t)grant_try_end(end_queue[i]);
    busy += 1 - end_results[i];
  }
  return busy;
}

/* ---- the hypervisor's half */
static struct shared_entry *held_shared;
static struct active_entry *held_active;
static int64_t held_pin;

static uint32_t lock(struct active_entry *active, uint32_t caller) {
  uint32_t seen = 0;
  while (!atomic_compare_exchange_strong(&active->pin, &seen, PIN_LOCKED | caller))
    if ((seen & PIN_LOCKED) == PIN_LOCKED) seen = 0;
  return seen;
}
static int set_status(struct shared_entry *shared, int first, uint32_t caller, int write) {
  uint32_t bits = write ? READING | WRITING : READING;
  uint32_t seen = atomic_load(&shared->word);
  for (int tries = 0; tries < 5; tries++) {
    if (first && ((seen & TYPE_MASK) != PERMIT_ACCESS || seen >> 16 != caller)) return -1;
    if (write && (seen & READONLY)) return -1;
    if (atomic_compare_exchange_strong(&shared->word, &seen, seen | bits)) return 0;
  }
  return -1;
}
static uint8_t *join(struct domain *d, struct shared_entry *shared, struct active_entry *active, uint32_t pin,
                     uint32_t caller, int write, uint32_t increment, int *status) {
  uint32_t gfn = active->gfn;
  *status = 0;
  if (active->domid != caller || (pin & increment << OVERFLOW_SHIFT)) *status = -1;
  else if (gfn >= d->pages) *status = -9;
  else if (write && !(pin & PIN_WRITES)) *status = set_status(shared, 0, caller, write);
  atomic_store_explicit(&active->pin, *status ? pin : pin + increment, memory_order_release);
  held_shared = shared, held_active = active, held_pin = -1;
  return d->base + (size_t)gfn * PAGE;
}
static uint8_t *acquire(struct domain *d, uint32_t ref, uint32_t caller, int write, int hold, int *status) {
  if (ref >= d->entries) { *status = -3; return 0; }
  struct shared_entry *shared = &d->shared[ref >> 9][ref & 511];
  struct active_entry *active = &d->active[ref >> 9][ref & 511];
  uint32_t increment = write ? PIN_HOST_WRITE : PIN_HOST_READ;
  uint32_t pin = lock(active, caller);
  if (pin) return join(d, shared, active, pin, caller, write, increment, status);
  if ((*status = set_status(shared, 1, caller, write))) { atomic_store_explicit(&active->pin, 0, memory_order_release); return 0; }
  uint32_t gfn = shared->frame;
  if (gfn >= d->pages) {
    atomic_fetch_and(&shared->word, ~(uint32_t)(write ? READING | WRITING : READING));
    atomic_store_explicit(&active->pin, 0, memory_order_release);
    *status = -9;
    return 0;
  }
  active->domid = (uint16_t)caller;
  active->gfn = gfn;
  held_shared = shared, held_active = active;
  if (hold) held_pin = increment;
  else held_pin = -1, atomic_store_explicit(&active->pin, increment, memory_order_release);
  return d->base + (size_t)gfn * PAGE;
}
static void release(struct shared_entry *shared, struct active_entry *active, int64_t held, uint32_t caller,
                    uint32_t increment, int write) {
  uint32_t pin = (held < 0 ? lock(active, caller) : (uint32_t)held) - increment;
  uint32_t clear = (write && !(pin & PIN_WRITES) ? WRITING : 0) | (pin ? 0 : READING);
  if (clear) atomic_fetch_and(&shared->word, ~clear);
  atomic_store_explicit(&active->pin, pin, memory_order_release);
}
static struct domain *domain_of(int grant, uint32_t domid, uint32_t caller, int *status) {
  if (!grant && domid != DOMID_SELF) { *status = -8; return 0; }
  if (domid == DOMID_SELF) domid = caller;
  if (domid >= max_domains || atomic_load(&domains[domid].state) != 1) { *status = -2; return 0; }
  return &domains[domid];
}
static uint8_t *local_page(struct domain *d, uint32_t gmfn, uint32_t high, int *status) {
  if (high || gmfn >= d->pages) { *status = -9; return 0; }
  return d->base + (size_t)gmfn * PAGE;
}
static int copy_one(struct copy_op *op, uint32_t caller) {
  uint32_t length = op->length;
  if (!length) return 0;
  int status = 0, from_grant = op->flags & COPY_SOURCE_GREF, to_grant = (op->flags & COPY_DEST_GREF) != 0;
  struct domain *from_domain = domain_of(from_grant, op->source_domid, caller, &status);
  if (!from_domain) return status;
  struct domain *to_domain = domain_of(to_grant, op->dest_domid, caller, &status);
  if (!to_domain) return status;
  int hold = !(from_grant && to_grant);
  uint8_t *from = from_grant ? acquire(from_domain, op->source_ref, caller, 0, hold, &status)
                             : local_page(from_domain, op->source_ref, op->source_high, &status);
  if (status) return status;
  struct shared_entry *from_shared = held_shared;
  struct active_entry *from_active = held_active;
  int64_t from_held = held_pin;
  uint8_t *to = to_grant ? acquire(to_domain, op->dest_ref, caller, 1, hold, &status)
                         : local_page(to_domain, op->dest_ref, op->dest_high, &status);
  if (!status) {
    if (op->source_offset + length <= PAGE && op->dest_offset + length <= PAGE)
      memmove(to + op->dest_offset, from + op->source_offset, length);
    else status = -10;
    if (to_grant) release(held_shared, held_active, held_pin, caller, PIN_HOST_WRITE, 1);
  }
  if (from_grant) release(from_shared, from_active, from_held, caller, PIN_HOST_READ, 0);
  return status;
}
__attribute__((noinline)) static uint32_t copy_batch(struct copy_op *first, uint32_t count, uint32_t caller) {
  struct domain *d = &domains[caller];
  uint32_t failed = 0;
  atomic_fetch_add(&d->in_hypercall, 1);
  int alive = atomic_load(&d->state) == 1;
  for (uint32_t i = 0; i < count; i++) {
    int status = alive ? copy_one(&first[i], caller) : -2;
    first[i].status = (int16_t)status;
    failed += status != 0;
  }
  atomic_fetch_sub(&d->in_hypercall, 1);
  return failed;
}

/* ---- the front: write, grant, request; later take the answer, end the grant */
static uint32_t req_prod_pvt, rsp_cons, req_published;
static uint32_t free_pages[PAGES], pages_free;
static uint32_t slot_page[RING], free_ids[RING], ids_free;
static uint64_t notified;

static int push_requests(void) {
  uint32_t old = req_published;
  req_published = req_prod_pvt;
  atomic_store(&ring->req_prod, req_prod_pvt);
  return req_prod_pvt - atomic_load(&ring->req_event) < req_prod_pvt - old;
}
static void front_send(uint32_t packets, uint32_t bytes) {
  uint8_t *base = domains[FRONT].base;
  for (uint32_t p = 0; p < packets; p++) {
    int gso = bytes > PAGE;
    uint32_t left = bytes, first = 1;
    while (left) {
      uint32_t part = left < PAGE ? left : PAGE, page = free_pages[--pages_free];
      uint32_t id = free_ids[--ids_free];
      memcpy(base + (size_t)page * PAGE, template_bytes + (bytes - left), part);
      grant_permit(id, BACK, page);
      slot_page[id] = page;
      struct tx_request *request = &ring->slots[req_prod_pvt++ & (RING - 1)].request;
      left -= part;
      request->gref = refs[id];
      request->offset = 0;
      request->flags = (uint16_t)((first ? TXF_CSUM_BLANK | TXF_DATA_VALIDATED | (gso ? TXF_EXTRA_INFO : 0) : 0)
                                  | (left ? TXF_MORE_DATA : 0));
      request->id = (uint16_t)id;
      request->size = (uint16_t)(first ? (bytes > 65535 ? 65535 : bytes) : part);
      if (first && gso) ring->slots[req_prod_pvt++ & (RING - 1)].extra = (struct extra_info){1, 0, 1448, 1, 0, 0};
      first = 0;
    }
  }
  notified += push_requests();
}
static void front_complete(void) {
  uint32_t end = atomic_load(&ring->rsp_prod);
  if (end - rsp_cons > RING) abort();
  while (rsp_cons != end) {
    struct tx_response response = ring->slots[rsp_cons++ & (RING - 1)].response;
    if (response.status == 1) continue;
    if (response.id >= RING || response.status != 0) abort();
    queue_end(response.id);
    free_pages[pages_free++] = slot_page[response.id];
    free_ids[ids_free++] = response.id;
  }
  if (end_grants() != 0) abort();
  end_count = 0;
  atomic_store(&ring->rsp_event, rsp_cons + 1);
}

/* ---- the back: copy the requests out, check, copy the bytes in one batch, answer */
static uint32_t req_cons, rsp_prod_pvt, rsp_published, out_next;
enum { WITH_EXTRA = 0x10000 };
static uint32_t ids[OPS];

static int push_responses(void) {
  uint32_t old = rsp_published;
  rsp_published = rsp_prod_pvt;
  atomic_store(&ring->rsp_prod, rsp_prod_pvt);
  return rsp_prod_pvt - atomic_load(&ring->rsp_event) < rsp_prod_pvt - old;
}
static void flush_ops(uint32_t count) {
  uint32_t failed = copy_batch(ops, count, BACK);
  for (uint32_t i = 0; i < count; i++) {
    struct tx_response *response = &ring->slots[rsp_prod_pvt++ & (RING - 1)].response;
    response->id = (uint16_t)ids[i];
    response->status = failed && ops[i].status ? -1 : 0;
    if (ids[i] & WITH_EXTRA) ring->slots[rsp_prod_pvt++ & (RING - 1)].response.status = 1;
  }
}
static void back_receive(uint32_t out_pages) {
  uint32_t end = atomic_load(&ring->req_prod), count = 0;
  if (end - rsp_prod_pvt > RING) abort();
  while (req_cons != end) {
    struct tx_request request = ring->slots[req_cons++ & (RING - 1)].request;
    uint32_t total = request.size, extra = 0;
    if (request.flags & TXF_EXTRA_INFO) {
      struct extra_info info = ring->slots[req_cons++ & (RING - 1)].extra;
      if (info.type != 1 || info.size == 0) abort();
      extra = WITH_EXTRA;
    }
    struct tx_request parts[18];
    uint32_t n = 0, first = total;
    uint16_t flags = request.flags;
    while (flags & TXF_MORE_DATA) {
      if (req_cons == end || n >= 18) abort();
      parts[n] = ring->slots[req_cons++ & (RING - 1)].request;
      if (parts[n].offset + parts[n].size > PAGE) abort();
      first -= parts[n].size;
      flags = parts[n++].flags;
    }
    if (request.offset + first > PAGE || first < 14) abort();
    if (count + n + 1 > OPS) flush_ops(count), count = 0;
    for (uint32_t i = 0; i <= n; i++) {
      struct tx_request *part = i == 0 ? &request : &parts[i - 1];
      struct copy_op *op = &ops[count];
      ids[count++] = part->id | (i == 0 ? extra : 0);
      op->source_ref = part->gref, op->source_domid = FRONT, op->source_offset = part->offset;
      op->dest_ref = out_next, op->dest_domid = DOMID_SELF, op->dest_offset = 0;
      op->length = (uint16_t)(i == 0 ? first : part->size), op->flags = COPY_SOURCE_GREF;
      if (++out_next == out_pages) out_next = 0;
    }
  }
  flush_ops(count);
  notified += push_responses();
  atomic_store(&ring->req_event, req_cons + 1);
}

static void *pages(size_t bytes) {
  void *p = aligned_alloc(PAGE, (bytes + PAGE - 1) & ~(size_t)(PAGE - 1));
  if (!p) exit(2);
  memset(p, 0, bytes);
  return p;
}
static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
int main(int argc, char **argv) {
  if (argc != 3) { fprintf(stderr, "usage: ring_hop BYTES SECONDS\n"); return 2; }
  uint32_t bytes = (uint32_t)atoi(argv[1]);
  double wanted = atof(argv[2]);
  if (bytes < 14 || bytes > 65535) { fprintf(stderr, "ring_hop: 14 to 65535 bytes\n"); return 2; }
  uint32_t slots = bytes > PAGE ? (bytes + PAGE - 1) / PAGE + 1 : 1;
  uint32_t batch = RING / slots < BATCH ? RING / slots : BATCH;
  ring = pages(PAGE), ops = pages(PAGE), template_bytes = pages(65536);
  for (uint32_t i = 0; i < 65536; i++) template_bytes[i] = (uint8_t)(i * 7);
  for (int d = 0; d < 2; d++) {
    domains[d].base = pages((size_t)PAGES * PAGE);
    domains[d].pages = PAGES, domains[d].entries = REFS;
    domains[d].shared[0] = pages(REFS * sizeof(struct shared_entry));
    domains[d].active[0] = pages(REFS * sizeof(struct active_entry));
    atomic_store(&domains[d].state, 1);
  }
  for (uint32_t i = PAGES; i-- > 0;) free_pages[pages_free++] = i;
  for (uint32_t i = RING; i-- > 0;) {
    free_ids[ids_free++] = i, refs[i] = 8 + i;
    entries[i] = &domains[FRONT].shared[0][8 + i];
  }
  atomic_store(&ring->req_event, 1), atomic_store(&ring->rsp_event, 1);

  uint64_t packets = 0, rounds = 0;
  double start = seconds(), now = start;
  for (double warm = start + wanted / 4; (now = seconds()) < warm;)
    for (int i = 0; i < 200; i++) front_send(batch, bytes), back_receive(PAGES), front_complete();
  start = now;
  while ((now = seconds()) < start + wanted)
    for (int i = 0; i < 200; i++, rounds++) {
      front_send(batch, bytes), back_receive(PAGES), front_complete();
      packets += batch;
    }
  if (memcmp(domains[BACK].base, template_bytes, bytes < PAGE ? bytes : PAGE)) return 3;
  if (notified == 0) return 4;
  printf("%.0f\n", packets / (now - start));
  return 0;
}
