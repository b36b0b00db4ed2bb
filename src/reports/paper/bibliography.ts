/** @file The sources that a paper may cite, as BibTeX. */

import { invariant } from '../../util/errors.ts';

const SOURCES = String.raw`
@inproceedings{agarwal2021,
  author = {Rishabh Agarwal and Max Schwarzer and Pablo Samuel Castro and Aaron Courville and Marc G. Bellemare},
  title = {Deep Reinforcement Learning at the Edge of the Statistical Precipice},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2021}
}
@inproceedings{alemi2017,
  author = {Alexander A. Alemi and Ian Fischer and Joshua V. Dillon and Kevin Murphy},
  title = {Deep Variational Information Bottleneck},
  booktitle = {International Conference on Learning Representations},
  year = {2017}
}
@article{auer2002,
  author = {Peter Auer and Nicol{\`o} Cesa-Bianchi and Paul Fischer},
  title = {Finite-time Analysis of the Multiarmed Bandit Problem},
  journal = {Machine Learning},
  volume = {47},
  number = {2--3},
  pages = {235--256},
  year = {2002}
}
@inproceedings{bakker2001,
  author = {Bram Bakker},
  title = {Reinforcement Learning with Long Short-Term Memory},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2001}
}
@inproceedings{bellemare2017,
  author = {Marc G. Bellemare and Will Dabney and R{\'e}mi Munos},
  title = {A Distributional Perspective on Reinforcement Learning},
  booktitle = {International Conference on Machine Learning},
  pages = {449--458},
  year = {2017}
}
@article{brafman2002,
  author = {Ronen I. Brafman and Moshe Tennenholtz},
  title = {{R-MAX} -- A General Polynomial Time Algorithm for Near-Optimal Reinforcement Learning},
  journal = {Journal of Machine Learning Research},
  volume = {3},
  pages = {213--231},
  year = {2002}
}
@inproceedings{cho2014,
  author = {Kyunghyun Cho and Bart van Merri{\"e}nboer and Caglar Gulcehre and Dzmitry Bahdanau and Fethi Bougares and Holger Schwenk and Yoshua Bengio},
  title = {Learning Phrase Representations using {RNN} Encoder--Decoder for Statistical Machine Translation},
  booktitle = {Empirical Methods in Natural Language Processing},
  pages = {1724--1734},
  year = {2014}
}
@inproceedings{dao2024,
  author = {Tri Dao and Albert Gu},
  title = {Transformers are {SSMs}: Generalized Models and Efficient Algorithms Through Structured State Space Duality},
  booktitle = {International Conference on Machine Learning},
  year = {2024}
}
@misc{dhariwal2020,
  author = {Prafulla Dhariwal and Heewoo Jun and Christine Payne and Jong Wook Kim and Alec Radford and Ilya Sutskever},
  title = {Jukebox: A Generative Model for Music},
  note = {arXiv:2005.00341},
  year = {2020}
}
@inproceedings{eberhard2025,
  author = {Onno Eberhard and Michael Muehlebach and Claire Vernade},
  title = {Partially Observable Reinforcement Learning with Memory Traces},
  booktitle = {International Conference on Machine Learning},
  year = {2025}
}
@inproceedings{garivier2011,
  author = {Aur{\'e}lien Garivier and Eric Moulines},
  title = {On Upper-Confidence Bound Policies for Switching Bandit Problems},
  booktitle = {Algorithmic Learning Theory},
  pages = {174--188},
  year = {2011}
}
@inproceedings{grigsby2024,
  author = {Jake Grigsby and Linxi Fan and Yuke Zhu},
  title = {{AMAGO}: Scalable In-Context Reinforcement Learning for Adaptive Agents},
  booktitle = {International Conference on Learning Representations},
  year = {2024}
}
@inproceedings{guo2017,
  author = {Chuan Guo and Geoff Pleiss and Yu Sun and Kilian Q. Weinberger},
  title = {On Calibration of Modern Neural Networks},
  booktitle = {International Conference on Machine Learning},
  pages = {1321--1330},
  year = {2017}
}
@inproceedings{gupta2025,
  author = {Gunshi Gupta and Karmesh Yadav and Zsolt Kira and Yarin Gal and Rahaf Aljundi},
  title = {Memo: Training Memory-Efficient Embodied Agents with Reinforcement Learning},
  booktitle = {Advances in Neural Information Processing Systems},
  note = {arXiv:2510.19732},
  year = {2025}
}
@inproceedings{jaegle2021,
  author = {Andrew Jaegle and Felix Gimeno and Andy Brock and Andrew Zisserman and Oriol Vinyals and Jo{\~a}o Carreira},
  title = {Perceiver: General Perception with Iterative Attention},
  booktitle = {International Conference on Machine Learning},
  year = {2021}
}
@inproceedings{katharopoulos2020,
  author = {Angelos Katharopoulos and Apoorv Vyas and Nikolaos Pappas and Fran{\c{c}}ois Fleuret},
  title = {Transformers are {RNNs}: Fast Autoregressive Transformers with Linear Attention},
  booktitle = {International Conference on Machine Learning},
  pages = {5156--5165},
  year = {2020}
}
@inproceedings{kingma2015,
  author = {Diederik P. Kingma and Jimmy Ba},
  title = {Adam: A Method for Stochastic Optimization},
  booktitle = {International Conference on Learning Representations},
  year = {2015}
}
@inproceedings{kocsis2006,
  author = {Levente Kocsis and Csaba Szepesv{\'a}ri},
  title = {Discounted {UCB}},
  booktitle = {PASCAL Challenges Workshop},
  year = {2006}
}
@inproceedings{laskin2023,
  author = {Michael Laskin and Luyu Wang and Junhyuk Oh and Emilio Parisotto and Stephen Spencer and Richie Steigerwald and DJ Strouse and Steven Hansen and Angelos Filos and Ethan Brooks and Maxime Gazeau and Himanshu Sahni and Satinder Singh and Volodymyr Mnih},
  title = {In-context Reinforcement Learning with Algorithm Distillation},
  booktitle = {International Conference on Learning Representations},
  note = {arXiv:2210.14215},
  year = {2023}
}
@inproceedings{lee2023,
  author = {Jonathan N. Lee and Annie Xie and Aldo Pacchiano and Yash Chandak and Chelsea Finn and Ofir Nachum and Emma Brunskill},
  title = {Supervised Pretraining Can Learn In-Context Reinforcement Learning},
  booktitle = {Advances in Neural Information Processing Systems},
  note = {arXiv:2306.14892},
  year = {2023}
}
@article{lin1992,
  author = {Long-Ji Lin},
  title = {Self-Improving Reactive Agents Based on Reinforcement Learning, Planning and Teaching},
  journal = {Machine Learning},
  volume = {8},
  number = {3--4},
  pages = {293--321},
  year = {1992}
}
@inproceedings{loshchilov2019,
  author = {Ilya Loshchilov and Frank Hutter},
  title = {Decoupled Weight Decay Regularization},
  booktitle = {International Conference on Learning Representations},
  year = {2019}
}
@misc{ma2026,
  author = {Yuanqing Ma and Zhenrui Zheng and Chenjun Xiao},
  title = {Scalable In-Context Reinforcement Learning with Recurrent Algorithm Distillation},
  note = {arXiv:2609.35333},
  year = {2026}
}
@inproceedings{mentzer2024,
  author = {Fabian Mentzer and David Minnen and Eirikur Agustsson and Michael Tschannen},
  title = {Finite Scalar Quantization: {VQ-VAE} Made Simple},
  booktitle = {International Conference on Learning Representations},
  year = {2024}
}
@inproceedings{morad2023,
  author = {Steven Morad and Ryan Kortvelesy and Matteo Bettini and Stephan Liwicki and Amanda Prorok},
  title = {{POPGym}: Benchmarking Partially Observable Reinforcement Learning},
  booktitle = {International Conference on Learning Representations},
  year = {2023}
}
@inproceedings{ni2023,
  author = {Tianwei Ni and Michel Ma and Benjamin Eysenbach and Pierre-Luc Bacon},
  title = {When Do Transformers Shine in {RL}? Decoupling Memory from Credit Assignment},
  booktitle = {Advances in Neural Information Processing Systems},
  note = {arXiv:2307.03864},
  year = {2023}
}
@inproceedings{oord2017,
  author = {Aaron van den Oord and Oriol Vinyals and Koray Kavukcuoglu},
  title = {Neural Discrete Representation Learning},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2017}
}
@inproceedings{parisotto2020,
  author = {Emilio Parisotto and H. Francis Song and Jack W. Rae and Razvan Pascanu and Caglar Gulcehre and Siddhant M. Jayakumar and Max Jaderberg and Rapha{\"e}l Lopez Kaufman and Aidan Clark and Seb Noury and Matthew M. Botvinick and Nicolas Heess and Raia Hadsell},
  title = {Stabilizing Transformers for Reinforcement Learning},
  booktitle = {International Conference on Machine Learning},
  pages = {7487--7498},
  year = {2020}
}
@inproceedings{pascanu2013,
  author = {Razvan Pascanu and Tomas Mikolov and Yoshua Bengio},
  title = {On the Difficulty of Training Recurrent Neural Networks},
  booktitle = {International Conference on Machine Learning},
  pages = {1310--1318},
  year = {2013}
}
@inproceedings{platanios2019,
  author = {Emmanouil Antonios Platanios and Otilia Stretcu and Graham Neubig and Barnab{\'a}s P{\'o}czos and Tom M. Mitchell},
  title = {Competence-based Curriculum Learning for Neural Machine Translation},
  booktitle = {Conference of the North American Chapter of the Association for Computational Linguistics},
  year = {2019}
}
@article{raffel2020,
  author = {Colin Raffel and Noam Shazeer and Adam Roberts and Katherine Lee and Sharan Narang and Michael Matena and Yanqi Zhou and Wei Li and Peter J. Liu},
  title = {Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer},
  journal = {Journal of Machine Learning Research},
  volume = {21},
  number = {140},
  pages = {1--67},
  year = {2020}
}
@inproceedings{ross2011,
  author = {St{\'e}phane Ross and Geoffrey J. Gordon and J. Andrew Bagnell},
  title = {A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning},
  booktitle = {International Conference on Artificial Intelligence and Statistics},
  pages = {627--635},
  year = {2011}
}
@inproceedings{schulman2016,
  author = {John Schulman and Philipp Moritz and Sergey Levine and Michael I. Jordan and Pieter Abbeel},
  title = {High-Dimensional Continuous Control Using Generalized Advantage Estimation},
  booktitle = {International Conference on Learning Representations},
  year = {2016}
}
@misc{schulman2017,
  author = {John Schulman and Filip Wolski and Prafulla Dhariwal and Alec Radford and Oleg Klimov},
  title = {Proximal Policy Optimization Algorithms},
  note = {arXiv:1707.06347},
  year = {2017}
}
@inproceedings{shaw2018,
  author = {Peter Shaw and Jakob Uszkoreit and Ashish Vaswani},
  title = {Self-Attention with Relative Position Representations},
  booktitle = {Conference of the North American Chapter of the Association for Computational Linguistics: Human Language Technologies},
  volume = {2},
  pages = {464--468},
  year = {2018}
}
@article{strehl2008,
  author = {Alexander L. Strehl and Michael L. Littman},
  title = {An Analysis of Model-Based Interval Estimation for {Markov} Decision Processes},
  journal = {Journal of Computer and System Sciences},
  volume = {74},
  number = {8},
  pages = {1309--1331},
  year = {2008}
}
@article{su2024,
  author = {Jianlin Su and Murtadha Ahmed and Yu Lu and Shengfeng Pan and Wen Bo and Yunfeng Liu},
  title = {{RoFormer}: Enhanced Transformer with Rotary Position Embedding},
  journal = {Neurocomputing},
  volume = {568},
  pages = {127063},
  year = {2024}
}
@book{sutton2018,
  author = {Richard S. Sutton and Andrew G. Barto},
  title = {Reinforcement Learning: An Introduction},
  publisher = {MIT Press},
  edition = {second},
  year = {2018}
}
@article{thompson1933,
  author = {William R. Thompson},
  title = {On the Likelihood that One Unknown Probability Exceeds Another in View of the Evidence of Two Samples},
  journal = {Biometrika},
  volume = {25},
  number = {3--4},
  pages = {285--294},
  year = {1933}
}
@misc{towers2024,
  author = {Mark Towers and Ariel Kwiatkowski and Jordan Terry and John U. Balis and Gianluca De Cola and Tristan Deleu and Manuel Goul{\~a}o and Andreas Kallinteris and Markus Krimmel and Arjun KG and Rodrigo Perez-Vicente and Andrea Pierr{\'e} and Sander Schulhoff and Jun Jet Tai and Hannah Tan and Omar G. Younis},
  title = {{Gymnasium}: A Standard Interface for Reinforcement Learning Environments},
  note = {arXiv:2407.17032},
  year = {2024}
}
@inproceedings{vaswani2017,
  author = {Ashish Vaswani and Noam Shazeer and Niki Parmar and Jakob Uszkoreit and Llion Jones and Aidan N. Gomez and {\L}ukasz Kaiser and Illia Polosukhin},
  title = {Attention Is All You Need},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2017}
}
@article{watkins1992,
  author = {Christopher J. C. H. Watkins and Peter Dayan},
  title = {{Q}-learning},
  journal = {Machine Learning},
  volume = {8},
  number = {3--4},
  pages = {279--292},
  year = {1992}
}
@inproceedings{ziebart2010,
  author = {Brian D. Ziebart and J. Andrew Bagnell and Anind K. Dey},
  title = {Modeling Interaction via the Principle of Maximum Causal Entropy},
  booktitle = {International Conference on Machine Learning},
  pages = {1255--1262},
  year = {2010}
}
@inproceedings{zisman2024,
  author = {Ilya Zisman and Vladislav Kurenkov and Alexander Nikulin and Viacheslav Sinii and Sergey Kolesnikov},
  title = {Emergence of In-Context Reinforcement Learning from Noise Distillation},
  booktitle = {International Conference on Machine Learning},
  pages = {62832--62846},
  note = {arXiv:2312.12275},
  year = {2024}
}
@misc{zuo2018,
  author = {Xingdong Zuo},
  title = {mazelab: A Customizable Framework to Create Maze and Gridworld Environments},
  note = {GitHub: zuoxingdong/mazelab},
  year = {2018}
}
`;

/** Entries by their keys, as written above. */
const ENTRIES = new Map(Array.from(SOURCES.matchAll(/^@\w+\{(\w+),\n.*?^\}\n/gms), ([entry, key]) => [key, entry]));

/** Keys that these texts cite, without duplicates, in alphabetical order. Throws `E_SHAPE` for an unknown key. */
export function citedKeys(...texts: readonly string[]): string[] {
  const keys = texts.flatMap(text =>
    [...text.matchAll(/\\cite\{([^}]*)\}/g)].flatMap(([, list]) => list.split(',').map(key => key.trim())),
  );
  const unknown = keys.find(key => !ENTRIES.has(key));
  invariant(unknown === undefined, `paper: "${unknown}" is cited, but the bibliography has no such entry.`);
  return [...new Set(keys)].sort();
}

/** The BibTeX file with these entries. */
export const bibliography = (keys: readonly string[]): string => keys.map(key => ENTRIES.get(key)!).join('\n');
