//! Streams from recipes, which the golden generators follow too, and Python's random numbers.

#![allow(dead_code, reason = "not every test file uses all of it")]

use serde_json::Value;

/// The generator of the recipes: a linear congruential one.
#[derive(Debug)]
pub(crate) struct Lcg(u64);

impl Lcg {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// The values of a recipe; see `golden/generate_drift.py`.
pub(crate) fn values(recipe: &Value) -> Vec<f64> {
    let mut rng = Lcg::new(recipe["seed"].as_u64().unwrap());
    let mut out = Vec::new();
    for part in recipe["parts"].as_array().unwrap() {
        let n = part[0].as_u64().unwrap();
        let [a, b, scale] = [2, 3, 4].map(|i| part[i].as_f64().unwrap());
        for i in 0..n {
            let level = a + (b - a) * (i as f64 / n as f64);
            out.push(match part[1].as_str().unwrap() {
                "constant" => level,
                "uniform" => level + scale * (rng.uniform() - 0.5),
                "normal" => level + scale * rng.normal(),
                "latency" => level + scale / (1.0 - 0.999 * rng.uniform()),
                "integer" => level + (scale * rng.uniform()).floor(),
                kind => {
                    assert_eq!(kind, "bernoulli");
                    f64::from(rng.uniform() < level)
                }
            });
        }
    }
    out
}

/// The Mersenne twister as Python's `random.Random(seed)` uses it (Matsumoto, Nishimura 1998, doi
/// 10.1145/272991.272995).
#[derive(Debug)]
pub(crate) struct PythonRandom {
    words: Vec<u32>,
    next: usize,
}

impl PythonRandom {
    /// Seeded with an integer below 2^32.
    pub(crate) fn new(seed: u32) -> Self {
        let mut words = vec![19_650_218_u32; 624];
        for i in 1..624 {
            let last = words[i - 1];
            words[i] = 1_812_433_253_u32
                .wrapping_mul(last ^ (last >> 30))
                .wrapping_add(i as u32);
        }
        let mixed = |words: &[u32], i: usize| words[i - 1] ^ (words[i - 1] >> 30);
        let mut i = 1;
        for _ in 0..624 {
            words[i] = (words[i] ^ mixed(&words, i).wrapping_mul(1_664_525)).wrapping_add(seed);
            i += 1;
            if i == 624 {
                words[0] = words[623];
                i = 1;
            }
        }
        for _ in 0..623 {
            words[i] =
                (words[i] ^ mixed(&words, i).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i == 624 {
                words[0] = words[623];
                i = 1;
            }
        }
        words[0] = 0x8000_0000;
        Self { words, next: 624 }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let y = (self.words[i] & 0x8000_0000) | (self.words[(i + 1) % 624] & 0x7fff_ffff);
                let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.words[i] = self.words[(i + 397) % 624] ^ (y >> 1) ^ twist;
            }
            self.next = 0;
        }
        let mut y = self.words[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn below(&mut self, n: usize) -> usize {
        let bits = usize::BITS - n.leading_zeros();
        loop {
            let draw = (self.next_u32() >> (32 - bits)) as usize;
            if draw < n {
                return draw;
            }
        }
    }

    /// `random.sample(range(population), len(places))` for populations that it keeps as a list.
    pub(crate) fn sample(&mut self, population: usize, places: &mut [usize]) {
        let mut pool: Vec<usize> = (0..population).collect();
        for (i, place) in places.iter_mut().enumerate() {
            let left = population - i;
            let j = self.below(left);
            *place = pool[j];
            pool[j] = pool[left - 1];
        }
    }
}

/// Normal noise about 50.
pub(crate) fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = Lcg::new(seed);
    (0..n).map(|_| 50.0 + rng.normal()).collect()
}
