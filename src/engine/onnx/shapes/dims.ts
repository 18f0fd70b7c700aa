/**
 * Arithmetic on dimensions that may be symbols. A dimension is a polynomial over symbols and floors, written back as one
 * canonical string, so that two ways to the same size give the same string: `floor((floor((h + 1)/2) + 1)/2)` is
 * `floor((h + 3)/4)`. What cannot be said that way becomes null. Symbols stand for sizes of at least 1.
 */
import type { Dim } from '../types.ts';

/** Monomial (its atoms, sorted and joined; '' is the constant) -> coefficient, never 0. */
type Polynomial = Map<string, number>;

interface Floor {
  readonly numerator: Polynomial;
  readonly divisor: number;
}

const JOIN = '\u0001';
/** Marks symbols made here for dimensions that the model leaves unnamed: equal inside, null outside. */
const HIDDEN = '\u0002';
const MAX_TERMS = 8;
const MAX_LENGTH = 256;

export class DimAlgebra {
  readonly #polynomials = new Map<string, Polynomial>();
  readonly #floors = new Map<string, Floor>();
  readonly #maxima = new Map<string, readonly [Polynomial, Polynomial]>();
  #hidden = 0;

  /** A symbol for a dimension without a name. */
  hiddenSymbol(): string {
    return `${HIDDEN}${this.#hidden++}`;
  }

  /** The dimension as others may see it: hidden symbols are unknown to them. */
  visible(dim: Dim): Dim {
    return typeof dim === 'string' && dim.includes(HIDDEN) ? null : dim;
  }

  isHidden(dim: Dim): boolean {
    return typeof dim === 'string' && dim.startsWith(HIDDEN);
  }

  add(a: Dim, b: Dim): Dim {
    if (typeof a === 'number' && typeof b === 'number') return a + b;
    return this.#combine(a, b, (p, q) => {
      const sum = new Map(p);
      for (const [monomial, coefficient] of q) addTerm(sum, monomial, coefficient);
      return sum;
    });
  }

  sub(a: Dim, b: Dim): Dim {
    return this.add(a, this.mul(b, -1));
  }

  mul(a: Dim, b: Dim): Dim {
    if (typeof a === 'number' && typeof b === 'number') return a * b;
    if (a === 0 || b === 0) return 0;
    if (a === 1) return b;
    if (b === 1) return a;
    return this.#combine(a, b, multiply);
  }

  product(dims: readonly Dim[]): Dim {
    let product: Dim = 1;
    for (const dim of dims) product = this.mul(product, dim);
    // An empty tensor is empty whatever the unknown dimensions are.
    return dims.includes(0) ? 0 : product;
  }

  /** a / b where that is exact for every value of the symbols, else null. */
  divideExactly(a: Dim, b: Dim): Dim {
    if (b === 1) return a;
    if (a === null || b === null || b === 0) return null;
    if (typeof a === 'number' && typeof b === 'number') return a % b === 0 ? a / b : null;
    if (a === b) return 1;
    const quotient = divide(this.#parse(a), this.#parse(b));
    return quotient ? this.#format(quotient) : null;
  }

  /** floor(a / n) for a positive number n. */
  floorDivide(a: Dim, n: number): Dim {
    if (a === null || !(n > 0)) return null;
    if (typeof a === 'number') return Math.floor(a / n);
    if (!Number.isInteger(n)) return null;
    const polynomial = this.#parse(a);
    return allIntegers(polynomial) ? this.#format(this.#floorDivide(polynomial, n)) : null;
  }

  /** ceil(a / n) for a positive number n. */
  ceilDivide(a: Dim, n: number): Dim {
    if (typeof a === 'number') return n > 0 ? Math.ceil(a / n) : null;
    return this.floorDivide(this.add(a, n - 1), n);
  }

  /** floor(a), where a may hold fractions from a scale. */
  floor(a: Dim): Dim {
    return typeof a === 'number' ? Math.floor(a) : this.#roundDown(a, () => 0);
  }

  ceil(a: Dim): Dim {
    return typeof a === 'number' ? Math.ceil(a) : this.#roundDown(a, (divisor) => divisor - 1);
  }

  /** Halves, quarters, ... come from scales such as 0.5: floor((a * divisor + carry) / divisor) is exact, other fractions are not. */
  #roundDown(a: string | null, carry: (divisor: number) => number): Dim {
    if (a === null) return null;
    const polynomial = this.#parse(a);
    for (const divisor of [1, 2, 4, 8, 16, 32, 64]) {
      const scaled = new Map([...polynomial].map(([monomial, coefficient]) => [monomial, coefficient * divisor] as const));
      if (!allIntegers(scaled)) continue;
      addTerm(scaled, '', carry(divisor));
      return this.#format(this.#floorDivide(scaled, divisor));
    }
    return null;
  }

  /** The larger of two sizes: what two sizes broadcast to, where one of them is 1 or they are equal. */
  max(a: Dim, b: Dim): Dim {
    if (a === b) return a;
    if (a === null || b === null) return null;
    if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
    return this.#format(this.#max(this.#parse(a), this.#parse(b)));
  }

  /** The dimension with numbers in place of some symbols. */
  substitute(dim: Dim, bindings: ReadonlyMap<string, number>): Dim {
    if (typeof dim !== 'string') return dim;
    return this.#format(this.#substitute(this.#parse(dim), bindings));
  }

  #substitute(polynomial: Polynomial, bindings: ReadonlyMap<string, number>): Polynomial {
    let result: Polynomial = new Map();
    for (const [monomial, coefficient] of polynomial) {
      let term: Polynomial = new Map([['', coefficient]]);
      for (const atom of atomsOf(monomial)) term = multiply(term, this.#substituteAtom(atom, bindings));
      for (const [key, value] of term) addTerm(result, key, value);
    }
    return result;
  }

  #substituteAtom(atom: string, bindings: ReadonlyMap<string, number>): Polynomial {
    const bound = bindings.get(atom);
    if (bound !== undefined) return constant(bound);
    const pair = this.#maxima.get(atom);
    if (pair) return this.#max(this.#substitute(pair[0], bindings), this.#substitute(pair[1], bindings));
    const floor = this.#floors.get(atom);
    return floor ? this.#floorDivide(this.#substitute(floor.numerator, bindings), floor.divisor) : new Map([[atom, 1]]);
  }

  #floorDivide(polynomial: Polynomial, n: number): Polynomial {
    if (n === 1) return polynomial;
    const quotient: Polynomial = new Map();
    const rest: Polynomial = new Map();
    for (const [monomial, coefficient] of polynomial) {
      const whole = Math.floor(coefficient / n);
      addTerm(quotient, monomial, whole);
      addTerm(rest, monomial, coefficient - whole * n);
    }
    const constantRest = rest.get('') ?? 0;
    const others = [...rest].filter(([monomial]) => monomial !== '');
    if (others.length === 0) return quotient;
    const only = others.length === 1 ? others[0] : undefined;
    const inner = only && only[1] === 1 ? this.#floors.get(only[0]) : undefined;
    if (inner) {
      // floor((floor(a/m) + c)/n) = floor((a + c*m)/(m*n))
      const numerator = new Map(inner.numerator);
      addTerm(numerator, '', constantRest * inner.divisor);
      const nested = this.#floorDivide(numerator, inner.divisor * n);
      for (const [monomial, coefficient] of nested) addTerm(quotient, monomial, coefficient);
      return quotient;
    }
    const atom = `floor(${wrap(rest)}/${n})`;
    this.#floors.set(atom, { numerator: rest, divisor: n });
    addTerm(quotient, atom, 1);
    return quotient;
  }

  #max(p: Polynomial, q: Polynomial): Polynomial {
    const difference = new Map(p);
    for (const [monomial, coefficient] of q) addTerm(difference, monomial, -coefficient);
    if ([...difference.keys()].every((monomial) => monomial === '')) return (difference.get('') ?? 0) >= 0 ? p : q;
    const atom = `max(${[write(p) || '0', write(q) || '0'].sort().join(', ')})`;
    this.#maxima.set(atom, [p, q]);
    return new Map([[atom, 1]]);
  }

  #combine(a: Dim, b: Dim, operate: (p: Polynomial, q: Polynomial) => Polynomial): Dim {
    if (a === null || b === null) return null;
    return this.#format(operate(this.#parse(a), this.#parse(b)));
  }

  #parse(dim: number | string): Polynomial {
    if (typeof dim === 'number') return constant(dim);
    return this.#polynomials.get(dim) ?? new Map([[dim, 1]]);
  }

  #format(polynomial: Polynomial): Dim {
    if (polynomial.size === 0) return 0;
    if (polynomial.size > MAX_TERMS) return null;
    for (const coefficient of polynomial.values()) if (!Number.isFinite(coefficient) || Math.abs(coefficient) > Number.MAX_SAFE_INTEGER) return null;
    const only = polynomial.size === 1 ? polynomial.get('') : undefined;
    if (only !== undefined) return only;
    const text = write(polynomial);
    if (text.length > MAX_LENGTH) return null;
    this.#polynomials.set(text, polynomial);
    return text;
  }
}

function constant(value: number): Polynomial {
  return value === 0 ? new Map() : new Map([['', value]]);
}

function atomsOf(monomial: string): string[] {
  return monomial === '' ? [] : monomial.split(JOIN);
}

function addTerm(polynomial: Polynomial, monomial: string, coefficient: number): void {
  const sum = (polynomial.get(monomial) ?? 0) + coefficient;
  if (sum === 0) polynomial.delete(monomial);
  else polynomial.set(monomial, sum);
}

function multiply(p: Polynomial, q: Polynomial): Polynomial {
  const product: Polynomial = new Map();
  if (p.size * q.size > 4 * MAX_TERMS) return new Map([['', Number.NaN]]);
  for (const [left, a] of p) {
    for (const [right, b] of q) addTerm(product, [...atomsOf(left), ...atomsOf(right)].sort().join(JOIN), a * b);
  }
  return product;
}

function allIntegers(polynomial: Polynomial): boolean {
  return [...polynomial.values()].every(Number.isInteger);
}

/** Long division with one divisor; undefined when a remainder is left. */
function divide(p: Polynomial, q: Polynomial): Polynomial | undefined {
  const lead = leadingTerm(q);
  if (!lead) return undefined;
  let rest = new Map(p);
  const quotient: Polynomial = new Map();
  for (let step = 0; rest.size > 0; step++) {
    const top = leadingTerm(rest);
    const monomial = top ? divideMonomial(top[0], lead[0]) : undefined;
    if (!top || monomial === undefined || step > 2 * MAX_TERMS) return undefined;
    const coefficient = top[1] / lead[1];
    if (!Number.isInteger(coefficient) && Number.isInteger(top[1]) && Number.isInteger(lead[1])) return undefined;
    addTerm(quotient, monomial, coefficient);
    rest = new Map(rest);
    for (const [key, value] of multiply(new Map([[monomial, coefficient]]), q)) addTerm(rest, key, -value);
  }
  return quotient;
}

function leadingTerm(polynomial: Polynomial): [string, number] | undefined {
  return [...polynomial].sort(([a], [b]) => atomsOf(b).length - atomsOf(a).length || (a < b ? -1 : 1))[0];
}

function divideMonomial(a: string, b: string): string | undefined {
  const left = atomsOf(a);
  for (const atom of atomsOf(b)) {
    const position = left.indexOf(atom);
    if (position < 0) return undefined;
    left.splice(position, 1);
  }
  return left.join(JOIN);
}

function write(polynomial: Polynomial): string {
  const terms = [...polynomial].sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1));
  let text = '';
  for (const [monomial, coefficient] of terms) {
    const size = Math.abs(coefficient);
    const name = atomsOf(monomial).join('*');
    const term = name === '' ? String(size) : size === 1 ? name : `${size}*${name}`;
    if (text === '') text = coefficient < 0 ? `-${term}` : term;
    else text += coefficient < 0 ? ` - ${term}` : ` + ${term}`;
  }
  return text;
}

function wrap(polynomial: Polynomial): string {
  const text = write(polynomial);
  return polynomial.size > 1 ? `(${text})` : text;
}
