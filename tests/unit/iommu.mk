UNIT += iommu
iommu_src := tests/unit/iommu.c core/iommu/iommu.c core/iommu/ivrs.c core/svm/npt.c core/lib/pool.c
iommu_libs := -lpthread
