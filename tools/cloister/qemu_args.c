// SPDX-License-Identifier: Apache-2.0
// Builds QEMU's argument vector. The machine is the one that the measured ACPI tables describe
// (tools/launch/acpi.c, dsdt.asl): where one changes, so must the other.
#include "qemu_args.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cloister/launch.h>

#define CONSOLE_SET 3
#define VOLUME_SET  4

static void add(struct qemu_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add(struct qemu_args *args, const char *format, ...)
{
	va_list list;
	char *text;

	if (args->failed || args->count == QEMU_ARGS_MAX) {
		args->failed = true;
		return;
	}
	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		args->failed = true;
	else
		args->argv[args->count++] = text;
	va_end(list);
}

static void add_machine(struct qemu_args *args, const struct qemu_params *p)
{
	add(args, "-machine");
	// max-ram-below-4g: RAM is split at 2 GiB whatever its size, as the E820 map says.
	// smm=off: nothing may hide in SMM, and the machine is in ACPI mode from the start.
	add(args,
	    "q35,accel=%s,memory-backend=ram,max-ram-below-4g=2G,smm=off,hpet=off,"
	    "vmport=off,usb=off,sata=off,smbus=off,graphics=off,dump-guest-core=off,"
	    "mem-merge=off",
	    p->accel);
	add(args, "-cpu");
	// Physical addresses must stay below the C-bit, the highest of the CPU's (bit 39 or up).
	if (strcmp(p->accel, "kvm")) {
		add(args, "max,la57=off");
	} else {
		add(args, "host,host-phys-bits-limit=39,svm=off");
		// QEMU has KVM report accesses to the APIC's task priority, for old Windows. Each
		// report writes all segments back, and KVM then shows TR as busy: on an emulated
		// CPU, without the Core, the guest's programs could do no port I/O.
		add(args, "-global");
		add(args, "kvm-apic.vapic=off");
	}
	add(args, "-smp");
	add(args, "%" PRIu32, p->vcpus ? p->vcpus : 1);
	add(args, "-m");
	add(args, "%" PRIu64 "M", p->memory >> 20);
	add(args, "-object");
	add(args,
	    "memory-backend-file,id=ram,size=%" PRIu64 "M,mem-path=/proc/self/fd/%d,share=on,"
	    "prealloc=off,align=2M",
	    p->memory >> 20, p->ram_fd);
}

static void add_boot(struct qemu_args *args, const struct qemu_params *p)
{
	add(args, "-kernel");
	if (p->plain) {
		add(args, "/proc/self/fd/%d", p->kernel_fd);
		add(args, "-initrd");
		add(args, "/proc/self/fd/%d", p->initrd_fd);
		add(args, "-append");
		add(args, "%s", p->cmdline);
	} else {
		add(args, "/proc/self/fd/%d", p->loader_fd);
		add(args, "-initrd");
		add(args, "/proc/self/fd/%d", p->launch_fd);
	}
}

// A descriptor that QEMU's options call /dev/fdset/SET.
static void add_set(struct qemu_args *args, int fd, int set)
{
	add(args, "-add-fd");
	add(args, "fd=%d,set=%d", fd, set);
}

// Fixed slots: the zone's init knows its disks by order.
static void add_disk(struct qemu_args *args, const struct qemu_params *p, const char *id, int fd,
		     int set, const char *virtio)
{
	add_set(args, fd, set);
	add(args, "-blockdev");
	add(args,
	    "driver=raw,node-name=%s,read-only=on,file.driver=file,"
	    "file.filename=/dev/fdset/%d,file.read-only=on",
	    id, set);
	add(args, "-device");
	add(args, "virtio-blk-pci,drive=%s,addr=%d%s", id, set + 1, virtio);
}

// The third disk, and two ports: to the TPM, and for what the supervisor asks of the zone's init.
static void add_volume(struct qemu_args *args, const struct qemu_params *p, const char *virtio)
{
	add_set(args, p->volume_fd, VOLUME_SET);
	add_set(args, p->volume_read_fd, VOLUME_SET);
	add(args, "-blockdev");
	add(args, "driver=raw,node-name=volume,file.driver=%s,file.filename=/dev/fdset/%d",
	    p->volume_block ? "host_device" : "file", VOLUME_SET);
	add(args, "-device");
	add(args, "virtio-blk-pci,drive=volume,addr=5%s", virtio);
	add(args, "-device");
	add(args, "virtio-serial-pci,id=ports,max_ports=3,addr=6%s", virtio);
	add(args, "-chardev");
	add(args, "socket,id=tpm,fd=%d", p->tpm_fd);
	add(args, "-device");
	add(args, "virtserialport,bus=ports.0,nr=1,chardev=tpm,name=cloister.tpm");
	add(args, "-chardev");
	add(args, "socket,id=control,fd=%d", p->control_fd);
	add(args, "-device");
	add(args, "virtserialport,bus=ports.0,nr=2,chardev=control,name=cloister.control");
}

static void add_devices(struct qemu_args *args, const struct qemu_params *p)
{
	// In a zone, devices reach only what the kernel bounces into shared pages: with
	// iommu_platform Linux uses the DMA API for virtio (VIRTIO_F_ACCESS_PLATFORM).
	const char *virtio =
		p->plain ? "" : ",iommu_platform=on,disable-legacy=on,disable-modern=off";

	if (p->rootfs_fd >= 0) {
		add_disk(args, p, "rootfs", p->rootfs_fd, 1, virtio);
		add_disk(args, p, "verity", p->verity_fd, 2, virtio);
	}
	if (p->volume_fd >= 0)
		add_volume(args, p, virtio);
	add(args, "-netdev");
	char forwards[PUBLISH_MAX * 64] = "";
	for (uint32_t i = 0; i < p->nr_publish && i < PUBLISH_MAX; i++) {
		const struct publish *f = &p->publish[i];
		size_t used = strlen(forwards);
		snprintf(forwards + used, sizeof(forwards) - used, ",hostfwd=tcp:%s:%u-:%u",
			 f->address, f->host_port, f->zone_port);
	}
	add(args, "user,id=net,ipv6=off%s", forwards);
	add(args, "-device");
	add(args, "virtio-net-pci,netdev=net,addr=4,romfile=%s", virtio);
}

int qemu_args_build(struct qemu_args *args, const struct qemu_params *p)
{
	memset(args, 0, sizeof(*args));
	add(args, "%s", p->qemu);
	add(args, "-name");
	add(args, "cloister:%s", p->name);
	add(args, "-nodefaults");
	add(args, "-no-user-config");
	add(args, "-display");
	add(args, "none");
	add(args, "-vga");
	add(args, "none");
	// A reset ends the zone: there is no second launch into the same memory.
	add(args, "-no-reboot");
	add(args, "-sandbox");
	add(args, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add_machine(args, p);
	add_set(args, p->console_fd, CONSOLE_SET);
	add(args, "-chardev");
	add(args, "file,id=console,path=/dev/fdset/%d,append=on", CONSOLE_SET);
	add(args, "-serial");
	add(args, "chardev:console");
	add(args, "-chardev");
	add(args, "socket,id=qmp,fd=%d,server=on,wait=off", p->qmp_fd);
	add(args, "-mon");
	add(args, "chardev=qmp,mode=control");
	add_boot(args, p);
	add_devices(args, p);
	for (uint32_t i = 0; i < p->nr_given; i++) {
		add_set(args, p->given[i].fd, GIVEN_SET + (int)i);
		if (p->given[i].writable)
			add_set(args, p->given[i].fd_read, GIVEN_SET + (int)i);
	}
	for (uint32_t i = 0; i < p->nr_extra; i++) {
		char *text = given_replace(p->extra[i], p->given, p->nr_given);
		args->failed |= !text;
		add(args, "%s", text ? text : "");
		free(text);
	}
	return args->failed ? args->count == QEMU_ARGS_MAX ? -E2BIG : -ENOMEM : 0;
}

void qemu_args_free(struct qemu_args *args)
{
	for (uint32_t i = 0; i < args->count; i++)
		free(args->argv[i]);
	memset(args, 0, sizeof(*args));
}
