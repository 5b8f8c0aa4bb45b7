import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One process a file, two at a time: libtorch keeps its thread pool and generators per process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two test files at a time on two cores: more threads would only wait for each other. The numbers that tests expect are the processor's: GPUs are
    // for the tests that ask for one.
    env: { OMP_NUM_THREADS: '1', CUDA_VISIBLE_DEVICES: '' },
  },
});
