// SPDX-License-Identifier: Apache-2.0
// Asks KVM for a guest, as QEMU will, and gives it back at once.
#include "kvm.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>
#include "cleanup.h"

const char *kvm_problem(void)
{
	cleanup_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		return errno == EACCES
			       ? "permission denied; use sudo, or become a member of its group"
			       : "cannot be opened; load the module kvm-amd, and check that the "
				 "CPU has SVM";
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return "not the interface that is known; check what is loaded";
	cleanup_close int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return "cannot create a guest; see the kernel's log";
	return NULL;
}
